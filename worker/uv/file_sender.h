#pragma once

#include <functional>

#include "common/cachefile/piece_sums.h"
#include "common/uv/loop.h"
#include "common/uv/pool_task.h"
#include "worker/driver/driven_socket.h"

namespace daphnis::worker::uv {

/// Sends parts of files to one socket from the page cache, so that the loop never waits for a disk:
/// each part is probed first, and a cold one is read in the thread pool while its socket waits. Of
/// a file with checksums each piece is read and checked, and the checked bytes themselves are what
/// the socket writes, so that neither a disk nor a writer can change them in between. Owned by the
/// Socket.
class FileSender {
 public:
  /// `on_warm` is called when send() is worth calling again; it may destroy this object.
  FileSender(daphnis::uv::Loop& loop, std::function<void()> on_warm);

  /// Sends a first part of `piece`, which has at most kFilePieceBytesMax bytes, of a file without
  /// checksums. Not to be called between kCold and `on_warm`.
  [[nodiscard]] FileSent send(int socket, const FileRange& piece);
  /// Reads a first part of `piece`, at least a byte, with the same rules. The bytes are valid until
  /// the next call of any sender.
  [[nodiscard]] FileBytes look(const FileRange& piece);

 private:
  /// The range that is known to be in memory, of the file of the last send().
  struct Known {
    const File* file = nullptr;  ///< Compared only, since the file may be gone.
    uint64_t begin = 0;
    uint64_t end = 0;
    /// The number of the range's first bytes that are known.
    [[nodiscard]] size_t begins(const FileRange& range) const;
  };
  struct Warming;

  void read_ahead(const FileRange& piece);

  std::function<void()> on_warm_;
  daphnis::uv::PoolTask task_;
  Known known_;
  int lost_error_ = 0;
  bool is_lost_ = false;
};

}  // namespace daphnis::worker::uv
