#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/slice.h"
#include "worker/base/agenda.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// What the driver does with a connection's socket.
enum class Ending : uint8_t {
  kOpen,
  kHalfClose,  ///< The driver ends our side once the output is written, and still reads the input.
  kClose,      ///< The driver closes the socket once the output is written.
  kReset,      ///< The driver closes the socket at once, so that the peer sees a reset.
  kGiveBack,   ///< The driver gives the socket back to the broker once the output is written.
};

/// One connection, of a client or of an L2 whose POST was handed off, as its driver sees it: the
/// driver feeds input, pulls output and asks how to end the socket. Where anything but the driver
/// changes what the driver must do (output has come, input is wanted again), the connection wakes
/// itself on the agenda. Owned by the Worker until its driver has closed the socket and calls
/// Worker::forget().
class Connection {
 public:
  Connection(ConnectionId id, Agenda& agenda) : id_(id), agenda_(agenda) {}
  virtual ~Connection() { agenda_.forget(*this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes bytes that were read. Where keeps_input(), slices of `input` may be kept without a copy.
  virtual void on_bytes(const Slice& input, uint64_t now_ms) = 0;
  /// The peer has ended its side.
  virtual void on_eof(uint64_t now_ms) = 0;
  /// The connection is broken (reset, time-out).
  virtual void on_lost(uint64_t now_ms) = 0;
  /// The socket took the first `size` bytes of what output() showed.
  virtual void on_written(size_t size, uint64_t now_ms) = 0;
  /// The driver waits for the disk to read what file_output() shows, so that the peer is not to
  /// blame for the pause.
  virtual void on_file_awaited() {}
  /// The file that file_output() shows cannot be read. `error` is an errno; 0 says that the file is
  /// too short.
  virtual void on_file_lost(int /*error*/, uint64_t /*now_ms*/) {}
  /// `kernel_bytes` is how much output the kernel holds that the peer has not acknowledged. The
  /// driver calls this about once a second while the socket takes no more.
  virtual void on_unsent(size_t /*kernel_bytes*/, uint64_t /*now_ms*/) {}
  /// A time asked for by be_called_at() has come. The call may be early or late, so the connection
  /// compares `now_ms` with its deadlines itself.
  virtual void on_time(uint64_t now_ms) = 0;

  /// Fills `views` with the next output and returns how many views it used. They are valid until
  /// the next call of another function.
  [[nodiscard]] virtual size_t output(std::span<Bytes> views) = 0;
  /// The part of a file that is to be written next where output() shows nothing, at most
  /// kFilePieceBytesMax bytes; none where no output is left.
  [[nodiscard]] virtual FileRange file_output() { return {}; }
  /// True where a part of a file follows what output() shows, so that a short segment need not be
  /// sent by itself.
  [[nodiscard]] virtual bool has_file_next() const { return false; }
  [[nodiscard]] virtual bool wants_input() const = 0;
  /// True where the driver must read into a pooled buffer, whose slices the connection keeps; false
  /// where the connection looks at the input or copies it.
  [[nodiscard]] virtual bool keeps_input() const = 0;
  [[nodiscard]] virtual Ending ending() const = 0;
  /// True while the peer would take the end of the connection for the end of its content: even a
  /// crash of this process must then end it with a reset.
  [[nodiscard]] virtual bool end_looks_whole() const { return false; }

  [[nodiscard]] ConnectionId id() const { return id_; }

 protected:
  void wake() { agenda_.wake(*this); }
  /// Asks for on_time() at `at_ms`. Nothing is done where an earlier time is asked for already.
  void be_called_at(uint64_t at_ms) {
    if (at_ms >= called_at_) return;
    called_at_ = at_ms;
    agenda_.call_at(id_, at_ms);
  }

 private:
  friend class Agenda;

  ConnectionId id_;
  Agenda& agenda_;
  uint64_t called_at_ = kNever;  ///< The earliest time at which the agenda will call.
  bool is_woken_ = false;
};

}  // namespace daphnis::worker
