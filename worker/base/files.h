#pragma once

#include <cstdint>
#include <memory>

namespace daphnis::worker {

/// An open file, closed when nobody refers to it any more. The shell makes it and alone reads it;
/// the core passes it on.
class File {
 public:
  File() = default;
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// What the system calls it by. Of no meaning to the core.
  [[nodiscard]] virtual int descriptor() const = 0;
};
using FileRef = std::shared_ptr<const File>;

/// Part of a file on its way to a socket.
struct FileRange {
  FileRef file;
  uint64_t offset = 0;  ///< Of its first byte in the file.
  uint64_t size = 0;

  /// False: nothing. (Empty ranges do not come up.)
  [[nodiscard]] explicit operator bool() const { return file != nullptr; }
};

}  // namespace daphnis::worker
