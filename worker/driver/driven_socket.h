#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/slice.h"
#include "worker/base/files.h"

namespace daphnis::worker {

class SocketDriver;

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

/// The result of sending a part of a file to a socket.
struct FileSent {
  enum class Outcome : uint8_t {
    kBytes,    ///< The socket took `bytes` bytes.
    kBlocked,  ///< The socket takes no more.
    kCold,     ///< The file is read outside the loop; then SocketDriver::on_file_warm() is called.
    /// The file cannot be read; `error` is an errno, or 0 where the file is too short.
    kFileLost,
    kSocketLost,  ///< The connection is broken.
  };
  Outcome outcome = Outcome::kBytes;
  size_t bytes = 0;
  bool is_socket_full = false;  ///< The socket took less than it was given.
  int error = 0;
};

/// What only the system does to one connected socket, for its SocketDriver, which owns it and
/// decides all else. Destruction closes the socket. No call waits.
class DrivenSocket {
 public:
  virtual ~DrivenSocket() = default;

  /// The number that the system gave the socket (SO_COOKIE); the same in every process.
  [[nodiscard]] virtual uint64_t cookie() const = 0;
  /// Begins to call the driver's on_ready() and on_file_warm(), which may destroy this object.
  /// Called once, before all functions below.
  virtual void start(SocketDriver& driver) = 0;

  /// Reads once: into `first` and, where that is full, into `second`, which may be empty.
  [[nodiscard]] virtual SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) = 0;
  /// Writes once. Returns the number of first bytes that the socket took, 0 where it takes none for
  /// now; nothing where the connection is broken. `has_more` says that more follows at once, so
  /// that a short segment need not be sent by itself. `views` are at most kViewsPerWrite.
  [[nodiscard]] virtual std::optional<size_t> write(std::span<const Bytes> views,
                                                    bool has_more) = 0;
  /// Sends a first part of `piece`, which has at most kFilePieceBytesMax bytes. Not called between
  /// kCold and on_file_warm().
  [[nodiscard]] virtual FileSent send(const FileRange& piece) = 0;
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
};

}  // namespace daphnis::worker
