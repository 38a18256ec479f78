#pragma once

#include <span>
#include <string>

#include "broker/cache/cache_snapshot.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

/// Writes DIR/index under another name, which replaces it once all is on the disk. Blocks. Owned by
/// whoever writes; unlinks what it wrote unless finish() came.
class SnapshotFile {
 public:
  /// `name` keeps two of them apart.
  SnapshotFile(std::string index, const std::string& name)
      : index_(std::move(index)), path_(index_ + "." + name) {}
  ~SnapshotFile();
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  /// The first call makes the file. Errors: kSystem.
  [[nodiscard]] Result<void> append(std::span<const CacheEntry> entries);
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> write(const std::vector<uint8_t>& bytes);

  std::string index_;
  std::string path_;
  daphnis::uv::UniqueFd file_;
};

}  // namespace daphnis::broker::uv
