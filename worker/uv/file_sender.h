#pragma once

#include <functional>

#include "common/cachefile/piece_sums.h"
#include "common/uv/loop.h"
#include "common/uv/pool_task.h"
#include "worker/base/files.h"

namespace daphnis::worker::uv {

/// Sends parts of files to one socket from the page cache, so that the loop never waits for a disk:
/// each part is probed first, and one that is cold is read in the thread pool while its socket
/// waits. Of a file with sums each piece is read and checked, and the very bytes that were checked
/// are sent: no disk, and nobody who writes to the file, can change them in between. Owned by the
/// socket.
class FileSender {
 public:
  struct Sent {
    enum class Outcome : uint8_t {
      kBytes,       ///< `bytes` of them.
      kBlocked,     ///< The socket takes no more.
      kCold,        ///< `on_warm` will be called.
      kFileLost,    ///< `error` says why; 0: the file is too short.
      kSocketLost,  ///< The connection broke.
    };
    Outcome outcome = Outcome::kBytes;
    size_t bytes = 0;
    bool is_socket_full = false;  ///< It took less than it could have.
    int error = 0;
  };

  /// `on_warm` is called when send() is worth calling again; may destroy this object.
  FileSender(daphnis::uv::Loop& loop, std::function<void()> on_warm);

  /// Sends the first part of `piece`, which has at most kFilePieceBytesMax bytes. Not while
  /// is_waiting().
  [[nodiscard]] Sent send(int socket, const FileRange& piece);
  [[nodiscard]] bool is_waiting() const { return task_.is_busy(); }

 private:
  /// What is known to be in memory, of the file of the last send().
  struct Known {
    const File* file = nullptr;  ///< Never followed: the file may have gone.
    uint64_t begin = 0;
    uint64_t end = 0;
    /// How many of the range's first bytes.
    [[nodiscard]] size_t begins(const FileRange& range) const;
  };
  struct Warming;

  [[nodiscard]] Sent send_checked(int socket, const FileRange& part, const PieceSums& sums);
  [[nodiscard]] Sent read_ahead(const FileRange& piece);

  std::function<void()> on_warm_;
  daphnis::uv::PoolTask task_;
  Known known_;
  int lost_error_ = 0;
  bool is_lost_ = false;
};

}  // namespace daphnis::worker::uv
