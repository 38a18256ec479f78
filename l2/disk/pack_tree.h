#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "l2/core/file_tree.h"
#include "l2/core/unixfs_encode.h"
#include "l2/disk/file.h"
#include "l2/disk/pack.h"

namespace daphnis::l2 {

/// The first pass of a pack: all files and folders that will be packed, with their CIDs. Children
/// stand after their folder in `items_`, so that neither pass needs recursion. Owned by pack().
class PackTree {
 public:
  struct Item {
    std::string path;  ///< The path by which it is opened.
    std::string name;  ///< Its name in its folder.
    bool is_folder = false;
    std::vector<size_t> children = {};  ///< Of a folder: indices of its entries, sorted by name.
    FileTree tree = {};                 ///< Of a file.
    FileStamp stamp = {};               ///< Of a file: its state when it was read.
    DagNode node = {};
  };

  /// Lists `path` and everything below it, and hashes the files. Errors as pack().
  [[nodiscard]] static Result<PackTree> read(const std::string& path, const PackSettings& settings);

  [[nodiscard]] const std::vector<Item>& items() const { return items_; }  ///< The root is first.
  [[nodiscard]] std::vector<uint8_t> folder_block(const Item& folder) const;
  [[nodiscard]] const Packed& totals() const { return totals_; }

 private:
  [[nodiscard]] Result<void> list(size_t folder, const PackSettings& settings);
  [[nodiscard]] static Result<void> read_file(Item& item);
  [[nodiscard]] Result<void> seal_folder(Item& folder);

  std::vector<Item> items_;
  Packed totals_;
};

}  // namespace daphnis::l2
