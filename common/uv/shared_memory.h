#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/result.h"

namespace daphnis::uv {

/// A file in memory that several processes map, mapped as long as this object lives. The file must
/// lie on a tmpfs, and all of its pages are allocated at the start: a page that could not be
/// allocated later would kill the process that touches it.
class SharedMemory {
 public:
  /// Makes a file of `size` zero bytes, which must not exist yet; the destructor removes it.
  /// Errors: kSystem; kInvalid (no tmpfs).
  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> create(const std::string& path,
                                                                    size_t size);
  /// Maps a file that another process has made, for reading only. Errors: kSystem; kInvalid
  /// (another size, no tmpfs).
  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> open(const std::string& path,
                                                                  size_t size);

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// The mapped bytes. They must not be written where the file was opened and not created.
  [[nodiscard]] std::span<uint8_t> bytes() const { return bytes_; }

 private:
  SharedMemory(std::string path, std::span<uint8_t> bytes, bool is_ours)
      : path_(std::move(path)), bytes_(bytes), is_ours_(is_ours) {}

  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> map(const std::string& path, int fd,
                                                                 size_t size, bool is_ours);

  std::string path_;
  std::span<uint8_t> bytes_;
  bool is_ours_;  ///< True where this object made the file and removes it.
};

}  // namespace daphnis::uv
