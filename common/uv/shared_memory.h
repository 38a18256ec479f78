#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/result.h"

namespace daphnis::uv {

/// Memory under a file's name that several processes see, mapped as long as this lives. Only on a
/// file system in memory (tmpfs), and with all of its pages there from the start: a page that could
/// not be had later would end the process that touched it.
class SharedMemory {
 public:
  /// Makes the file, which must not be there, of `size` zero bytes; removes it at the end. Errors:
  /// kSystem; kInvalid (no tmpfs).
  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> create(const std::string& path,
                                                                    size_t size);
  /// Maps one that another process has made, to be read only. Errors: kSystem; kInvalid (another
  /// size, no tmpfs).
  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> open(const std::string& path,
                                                                  size_t size);

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  /// Where it was only opened, not to be written.
  [[nodiscard]] std::span<uint8_t> bytes() const { return bytes_; }

 private:
  SharedMemory(std::string path, std::span<uint8_t> bytes, bool is_ours)
      : path_(std::move(path)), bytes_(bytes), is_ours_(is_ours) {}

  [[nodiscard]] static Result<std::unique_ptr<SharedMemory>> map(const std::string& path, int fd,
                                                                 size_t size, bool is_ours);

  std::string path_;
  std::span<uint8_t> bytes_;
  bool is_ours_;  ///< The file goes with this.
};

}  // namespace daphnis::uv
