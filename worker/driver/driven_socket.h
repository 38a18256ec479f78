#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/slice.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// The ways in which a socket is ready, or in which it is waited for.
struct Readiness {
  bool reads = false;   ///< A read returns bytes, the end or an error.
  bool writes = false;  ///< A write is taken, or returns an error.
};

/// The result of one read from a socket.
struct SocketRead {
  enum class Outcome : uint8_t {
    kBytes,    ///< `bytes` bytes were read, at least one.
    kNothing,  ///< Nothing is there for now.
    kEnd,      ///< The peer has ended its side.
    kLost,     ///< The connection is broken.
  };
  Outcome outcome = Outcome::kNothing;
  size_t bytes = 0;
};

/// The result of one write to a socket.
struct SocketWritten {
  size_t bytes = 0;      ///< The number of first bytes that the socket took.
  bool is_full = false;  ///< The socket takes no more for now; its readiness says when it does.
  bool is_lost = false;  ///< The connection is broken.
};

/// The first bytes of a part of a file.
struct FileBytes {
  enum class Outcome : uint8_t {
    kBytes,
    kCold,  ///< The file is read outside the loop; then SocketUser::on_file_warm() is called.
    /// The file cannot be read; `error` is an errno, or 0 where the file is too short.
    kFileLost,
  };
  Outcome outcome = Outcome::kBytes;
  Bytes bytes = {};  ///< Valid until the next call of any socket's function.
  int error = 0;
};

/// The result of sending a part of a file to a socket.
struct FileSent {
  enum class Outcome : uint8_t {
    kBytes,    ///< The socket took `bytes` bytes.
    kBlocked,  ///< The socket takes no more.
    kCold,     ///< The file is read outside the loop; then SocketUser::on_file_warm() is called.
    /// The file cannot be read; `error` is an errno, or 0 where the file is too short.
    kFileLost,
    kSocketLost,  ///< The connection is broken.
  };
  Outcome outcome = Outcome::kBytes;
  size_t bytes = 0;
  bool is_socket_full = false;  ///< The socket took less than it was given.
  int error = 0;
};

/// Whoever a DrivenSocket tells what it is ready for. A call may destroy the socket.
class SocketUser {
 public:
  /// The socket is ready for what was wanted.
  virtual void on_ready(Readiness ready, uint64_t now_ms) = 0;
  /// The part of a file that was cold is read, or cannot be.
  virtual void on_file_warm(uint64_t now_ms) = 0;

 protected:
  ~SocketUser() = default;
};

/// What only the system does to one connected socket, for its SocketDriver, which owns it and
/// decides all else. Destruction closes the socket. No call waits.
class DrivenSocket {
 public:
  virtual ~DrivenSocket() = default;

  /// The number that the system gave the socket (SO_COOKIE); the same in every process.
  [[nodiscard]] virtual uint64_t cookie() const = 0;
  /// Begins to tell `user`, which must outlive this object. Called once, before all functions
  /// below.
  virtual void start(SocketUser& user) = 0;

  /// Reads once: into `first` and, where that is full, into `second`, which may be empty.
  [[nodiscard]] virtual SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) = 0;
  /// Writes once. `has_more` says that more follows at once, so that a short segment need not be
  /// sent by itself. `views` are at most kViewsPerWrite.
  [[nodiscard]] virtual SocketWritten write(std::span<const Bytes> views, bool has_more) = 0;
  /// Sends a first part of `piece`, which has at most kFilePieceBytesMax bytes. Not called between
  /// kCold and on_file_warm().
  [[nodiscard]] virtual FileSent send(const FileRange& piece) = 0;
  /// Reads a first part of `piece`, at least a byte, for what cannot be sent as it is in the file.
  /// Otherwise as send().
  [[nodiscard]] virtual FileBytes look(const FileRange& piece) = 0;
  /// True where bytes that were taken are still held in this process. The socket is ready for
  /// writes once they are not.
  [[nodiscard]] virtual bool has_unsent() const { return false; }
  /// Tells the peer that our output is complete, where there is a word for that.
  virtual void end_output() {}
  /// Holds back segments that are not full, until it is called with false.
  virtual void set_cork(bool is_corked) = 0;
  /// Ends our side of the connection after the bytes that were written.
  virtual void shut_down() = 0;
  /// Says whether the socket's closing, also by the end of the process, is a reset.
  virtual void set_reset_on_close(bool resets) = 0;
  /// Sets the readiness at which the driver is called, for as long as it holds.
  virtual void want(Readiness wanted) = 0;
  /// How many bytes of output the kernel holds that the peer has not acknowledged; nothing where
  /// the system cannot say.
  [[nodiscard]] virtual std::optional<size_t> unacknowledged_bytes() = 0;

  static constexpr size_t kViewsPerWrite = 64;

 protected:
  /// Does send() by look() and write(). Bytes that the socket does not take are read again later,
  /// since a buffer for each slow client would cost too much memory.
  [[nodiscard]] FileSent send_looked(const FileRange& piece);
};

}  // namespace daphnis::worker
