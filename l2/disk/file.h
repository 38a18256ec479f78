#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "common/base/result.h"
#include "common/base/slice.h"

namespace daphnis::l2 {

/// Tells one state of a file from another without reading the file.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;  ///< Wall clock, since 1970.

  [[nodiscard]] static FileStamp of(const struct stat& status);
  [[nodiscard]] bool operator==(const FileStamp&) const = default;
};

/// An open file, read and written by blocking calls; its destruction closes the descriptor. `name`
/// is for messages.
class File {
 public:
  File() = default;
  File(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(name_, other.name_);
    return *this;
  }
  ~File();

  /// Opens a regular file for reading. Errors: kNotFound, kInvalid (no regular file), kSystem.
  [[nodiscard]] static Result<File> open_to_read(const std::string& path);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Result<FileStamp> stamp() const;

  /// Fills `out` from `offset` on and returns how many bytes were read; fewer only where the file
  /// ends.
  [[nodiscard]] Result<size_t> read_at(uint64_t offset, std::span<uint8_t> out) const;
  /// Reads the bytes that are available, from where the last call ended; works for pipes too.
  /// Returns their number, 0 at the end. A signal ends the call (kSystem, EINTR).
  [[nodiscard]] Result<size_t> read_some(std::span<uint8_t> out) const;
  [[nodiscard]] Result<void> write(Bytes bytes) const;

 private:
  int fd_ = -1;
  std::string name_;
};

}  // namespace daphnis::l2
