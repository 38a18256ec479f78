#pragma once

#include <cstdint>
#include <memory>

namespace daphnis::worker {

/// An open file, closed when its last reference goes. The shell makes it and reads it; the core
/// passes references on.
class File {
 public:
  File() = default;
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// The file descriptor, for the shell only.
  [[nodiscard]] virtual int descriptor() const = 0;
};
using FileRef = std::shared_ptr<const File>;

/// Part of a file on its way to a socket.
struct FileRange {
  FileRef file;
  uint64_t offset = 0;  ///< The offset of the first byte in the file.
  uint64_t size = 0;

  /// False for a range of no file. A range of a file is never empty.
  [[nodiscard]] explicit operator bool() const { return file != nullptr; }
};

}  // namespace daphnis::worker
