#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "l2/core/file_tree.h"
#include "l2/core/unixfs_encode.h"
#include "l2/disk/file.h"
#include "l2/disk/pack.h"

namespace daphnis::l2 {

/// The first pass of a pack: everything that will be packed, with its CIDs. Children stand after
/// their folder in `items_`, so that neither pass needs recursion. Owned by pack().
class PackTree {
 public:
  struct Item {
    std::string path;  ///< To open it by.
    std::string name;  ///< In its folder.
    bool is_folder = false;
    std::vector<size_t> children = {};  ///< Folders: sorted by name.
    FileTree tree = {};                 ///< Files.
    FileStamp stamp = {};               ///< Files: when they were read.
    DagNode node = {};
  };

  /// Looks at `path` and all below it and hashes the files. Errors as pack().
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
