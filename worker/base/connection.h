#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/slice.h"
#include "worker/base/agenda.h"
#include "worker/base/files.h"

namespace daphnis::worker {

/// What is to become of a connection's socket.
enum class Ending : uint8_t {
  kOpen,
  kHalfClose,  ///< Once the output is written, end our side; the input is still read.
  kClose,      ///< Once the output is written, close.
  kReset,      ///< Close at once, so that the peer sees a reset.
  kGiveBack,   ///< Once the output is written, the socket goes back to the broker.
};

/// One byte stream (a client's, or one an L2 was handed off on) as its shell sees it: bytes in,
/// bytes out by pull, and when to close. The shell calls in; where something else changes what it
/// must do (output has come, input is wanted again), the connection wakes itself on the agenda.
/// Owned by the Worker until its shell has closed the socket and calls Worker::forget().
class Connection {
 public:
  Connection(ConnectionId id, Agenda& agenda) : id_(id), agenda_(agenda) {}
  virtual ~Connection() { agenda_.forget(*this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Bytes have been read. Where keeps_input(), slices of them may be kept as they are.
  virtual void on_bytes(const Slice& input, uint64_t now_ms) = 0;
  /// The peer ended its side.
  virtual void on_eof(uint64_t now_ms) = 0;
  /// The connection broke (reset, time-out).
  virtual void on_lost(uint64_t now_ms) = 0;
  /// The socket took the first `size` bytes of what output() showed.
  virtual void on_written(size_t size, uint64_t now_ms) = 0;
  /// What file_output() shows has to be waited for: the peer is not to blame.
  virtual void on_file_awaited() {}
  /// What file_output() shows cannot be read: `error` is of errno, 0 where the file is too short.
  virtual void on_file_lost(int /*error*/, uint64_t /*now_ms*/) {}
  /// How many bytes the kernel holds that the peer has not taken; told about once a second while
  /// the socket takes no more.
  virtual void on_unsent(size_t /*kernel_bytes*/, uint64_t /*now_ms*/) {}
  /// The deadline has passed. May come early or late; looks at the time itself.
  virtual void on_time(uint64_t now_ms) = 0;

  /// Fills `views` with what is to be written next, and returns how many. Valid until any other
  /// call.
  [[nodiscard]] virtual size_t output(std::span<Bytes> views) = 0;
  /// Where output() shows nothing: the part of a file that is to be written next, at most
  /// kFilePieceBytesMax. None: nothing is to be written.
  [[nodiscard]] virtual FileRange file_output() { return {}; }
  /// Behind what output() shows (now or by its next call) stands a part of a file.
  [[nodiscard]] virtual bool has_file_next() const { return false; }
  [[nodiscard]] virtual bool wants_input() const = 0;
  /// True: read into a buffer of its own; false: the input is looked at and copied, if at all.
  [[nodiscard]] virtual bool keeps_input() const = 0;
  [[nodiscard]] virtual Ending ending() const = 0;
  /// True while the peer would take the end of the connection for the end of what it reads: then
  /// even a crash of ours must end it with a reset.
  [[nodiscard]] virtual bool end_looks_whole() const { return false; }

  [[nodiscard]] ConnectionId id() const { return id_; }

 protected:
  void wake() { agenda_.wake(*this); }
  /// Asks for on_time() at `at_ms`; a later time than one asked for before costs nothing.
  void be_called_at(uint64_t at_ms) {
    if (at_ms >= called_at_) return;
    called_at_ = at_ms;
    agenda_.call_at(id_, at_ms);
  }

 private:
  friend class Agenda;

  ConnectionId id_;
  Agenda& agenda_;
  uint64_t called_at_ = kNever;  ///< The earliest time the agenda will call at.
  bool is_woken_ = false;
};

}  // namespace daphnis::worker
