#pragma once

#include <span>
#include <string>

#include "broker/cache/cache_snapshot.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// Writes a snapshot to a temporary file, which replaces DIR/index once all of it is on the disk.
/// Blocks. Owned by its writer; its end unlinks the temporary file unless finish() has succeeded.
class SnapshotFile {
 public:
  /// `name` ends the temporary file's name; two writers at once need different ones.
  SnapshotFile(std::string index, const std::string& name)
      : index_(std::move(index)), path_(index_ + "." + name) {}
  ~SnapshotFile();
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  /// Appends a frame; the first call makes the file. Errors: kSystem.
  [[nodiscard]] Result<void> append(std::span<const CacheEntry> entries);
  /// Writes the end mark, syncs the file and renames it to DIR/index. Errors: kSystem.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> write(const std::vector<uint8_t>& bytes);

  std::string index_;
  std::string path_;
  daphnis::uv::UniqueFd file_;
};

}  // namespace daphnis::broker::uv
