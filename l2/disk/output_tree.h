#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// Makes files and folders inside one folder and nowhere else: each is new (no existing file is
/// opened and no link is followed) and lies below a folder that is held open. One file is written
/// at a time. Owned by an unpack.
class OutputTree {
 public:
  /// A part of a written file.
  struct Region {
    uint32_t file;
    uint32_t size;
    uint64_t offset;
  };

  /// `top` is the folder's descriptor, which the caller owns.
  OutputTree(int top, uint64_t bytes_max) : top_(top), bytes_max_(bytes_max) {}

  // Errors of all these: kInvalid (a name that is not allowed or comes twice), kTooLarge, kSystem.
  [[nodiscard]] Result<void> enter_folder(std::string_view name);
  void leave_folder();
  [[nodiscard]] Result<void> begin_file(std::string_view name);
  [[nodiscard]] Result<Region> append(Bytes bytes);
  /// Appends a copy of bytes that were written before.
  [[nodiscard]] Result<void> append_again(const Region& region);
  void end_file();
  /// Makes a symbolic link; refuses an absolute one, and one that may lead out of the topmost
  /// folder that was entered.
  [[nodiscard]] Result<void> link(std::string_view name, std::string_view target);

  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] uint64_t files() const { return paths_.size(); }

 private:
  struct Folder {
    File handle;
    std::string path;  ///< Relative to `top`.
  };
  [[nodiscard]] int at() const { return folders_.empty() ? top_ : folders_.back().handle.fd(); }
  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] Result<void> admit(std::string_view name) const;
  [[nodiscard]] Result<void> charge(uint64_t bytes);

  int top_;
  uint64_t bytes_max_;
  uint64_t charged_ = 0;
  uint64_t bytes_ = 0;
  std::vector<Folder> folders_;
  File file_;
  uint64_t file_bytes_ = 0;
  std::vector<std::string> paths_;  ///< The paths of all files; the last is being written.
};

}  // namespace daphnis::l2
