#include "worker/driver/socket_driver.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {
namespace {

/// Reads per event. A fast peer must not starve the others, and its bytes should go on to their
/// reader while the processor's cache holds them.
constexpr int kReadsPerEvent = 4;
/// Space in the buffer, in bytes, below which a read fills the next buffer as well.
constexpr size_t kSpaceWorthARead = 64 * limits::kKiB;
/// Bytes of files per turn of the loop: on loopback the kernel takes them as fast as they come.
constexpr size_t kFileBytesPerTurn = 4 * limits::kMiB;

}  // namespace

SocketDriver::SocketDriver(std::unique_ptr<DrivenSocket> socket, Connection& connection,
                           ReadBuffers& buffers, SocketOwner& owner)
    : socket_(std::move(socket)), connection_(connection), buffers_(buffers), owner_(owner) {
  socket_->start(*this);
}

void SocketDriver::on_ready(Readiness ready, uint64_t now_ms) {
  if (ready.reads) read(now_ms);
  if (ready.writes) is_blocked_ = false;
  owner_.on_used(*this, now_ms);
}

void SocketDriver::on_file_warm(uint64_t now_ms) {
  is_file_awaited_ = false;
  owner_.on_used(*this, now_ms);
}

void SocketDriver::read(uint64_t now_ms) {
  for (int reads = 0; reads < kReadsPerEvent; ++reads) {
    if (has_input_ended_ || !connection_.wants_input()) break;
    const bool may_be_more = connection_.keeps_input() ? read_kept(now_ms) : read_scratch(now_ms);
    if (!may_be_more) break;
  }
  // The buffer has no other holder: an idle connection must not keep it from other sockets.
  if (buffer_.is_unique()) buffer_ = {};
}

bool SocketDriver::read_kept(uint64_t now_ms) {
  if (!buffer_ || filled_ == buffer_.capacity()) {
    buffer_ = buffers_.take();
    filled_ = 0;
  }
  const size_t space = buffer_.capacity() - filled_;
  BufferRef next = space < kSpaceWorthARead ? buffers_.take() : BufferRef();
  const size_t next_space = next ? next.capacity() : 0;
  const SocketRead result =
      socket_->read({buffer_.data() + filled_, space}, {next ? next.data() : nullptr, next_space});
  if (result.outcome != SocketRead::Outcome::kBytes) {
    take_end(result.outcome, now_ms);
    return false;
  }

  const size_t first = std::min(result.bytes, space);
  const size_t second = result.bytes - first;
  const Slice slice{buffer_, buffer_.data() + filled_, first};
  filled_ += first;
  if (second > 0) {
    buffer_ = std::move(next);
    filled_ = second;
  }
  connection_.on_bytes(slice, now_ms);
  if (second > 0) connection_.on_bytes(Slice{buffer_, buffer_.data(), second}, now_ms);
  return result.bytes == space + next_space;
}

bool SocketDriver::read_scratch(uint64_t now_ms) {
  const BufferRef& scratch = buffers_.scratch();
  const SocketRead result = socket_->read({scratch.data(), scratch.capacity()}, {});
  if (result.outcome != SocketRead::Outcome::kBytes) {
    take_end(result.outcome, now_ms);
    return false;
  }
  connection_.on_bytes(Slice{scratch, scratch.data(), result.bytes}, now_ms);
  return result.bytes == scratch.capacity();
}

/// Takes the result of a read that brought no bytes.
void SocketDriver::take_end(SocketRead::Outcome outcome, uint64_t now_ms) {
  if (outcome == SocketRead::Outcome::kNothing) return;
  has_input_ended_ = true;
  if (outcome == SocketRead::Outcome::kEnd) {
    connection_.on_eof(now_ms);
  } else {
    connection_.on_lost(now_ms);
  }
}

void SocketDriver::write(uint64_t now_ms) {
  std::array<Bytes, DrivenSocket::kViewsPerWrite> views;
  file_bytes_left_ = kFileBytesPerTurn;
  bool goes_on = is_written();
  while (goes_on) {
    const size_t count = connection_.output(views);
    if (count > 0) {
      goes_on = write_memory(std::span(views).first(count), now_ms);
    } else if (const FileRange piece = connection_.file_output()) {
      goes_on = write_file(piece, now_ms);
      cork(connection_.has_file_next());
    } else {
      return;
    }
  }
}

/// Corks or uncorks the socket. A piece of a file is handed over 64 KiB at a time, which is a
/// little more than loopback's largest segment: without a cork (tcp(7)) every second segment of a
/// long file would be a few bytes long. A file that goes out in a single piece is cheaper without a
/// cork.
void SocketDriver::cork(bool is_corked) {
  if (std::exchange(is_corked_, is_corked) != is_corked) socket_->set_cork(is_corked);
}

bool SocketDriver::write_memory(std::span<const Bytes> views, uint64_t now_ms) {
  // A head with a file behind it is not worth a segment of its own.
  const SocketWritten written = socket_->write(views, connection_.has_file_next());
  if (written.is_lost) {
    connection_.on_lost(now_ms);
    return false;
  }
  is_blocked_ = written.is_full;
  if (written.bytes > 0) connection_.on_written(written.bytes, now_ms);
  return !is_blocked_;
}

bool SocketDriver::write_file(const FileRange& piece, uint64_t now_ms) {
  const FileSent sent = socket_->send(piece);
  switch (sent.outcome) {
    case FileSent::Outcome::kBytes:
      break;
    case FileSent::Outcome::kBlocked:
      is_blocked_ = true;
      return false;
    case FileSent::Outcome::kCold:
      is_file_awaited_ = true;
      connection_.on_file_awaited();
      return false;
    case FileSent::Outcome::kFileLost:
      connection_.on_file_lost(sent.error, now_ms);
      return connection_.ending() == Ending::kOpen;  // Other output may be there at once.
    case FileSent::Outcome::kSocketLost:
      connection_.on_lost(now_ms);
      return false;
  }
  // The socket is full or other sockets have their turn; its readiness says when to go on.
  is_blocked_ = sent.is_socket_full || sent.bytes >= file_bytes_left_;
  file_bytes_left_ -= std::min(file_bytes_left_, sent.bytes);
  connection_.on_written(sent.bytes, now_ms);
  return !is_blocked_;
}

SocketDriver::Fate SocketDriver::sync(uint64_t now_ms) {
  if (connection_.ending() != Ending::kReset) write(now_ms);
  set_reset_on_close(connection_.end_looks_whole());
  switch (connection_.ending()) {
    case Ending::kOpen:
      break;
    case Ending::kHalfClose:
      if (is_written() && !std::exchange(is_half_closed_, true)) socket_->shut_down();
      break;
    case Ending::kClose:
      // A full socket is no reason to stay where no output is left.
      if (is_written() || !(has_output() || socket_->has_unsent())) {
        socket_->end_output();
        return Fate::kClosed;
      }
      break;
    case Ending::kReset:
      set_reset_on_close(true);
      return Fate::kClosed;
    case Ending::kGiveBack:
      if (is_written()) return Fate::kGivenBack;
      break;
  }
  socket_->want({.reads = !has_input_ended_ && connection_.wants_input(), .writes = is_blocked_});
  return Fate::kStays;
}

bool SocketDriver::has_output() {
  std::array<Bytes, 1> view;
  return connection_.output(view) > 0 || connection_.file_output();
}

void SocketDriver::set_reset_on_close(bool resets) {
  if (std::exchange(resets_on_close_, resets) != resets) socket_->set_reset_on_close(resets);
}

void SocketDriver::on_tick(uint64_t now_ms) {
  if (!is_blocked_) return;
  if (const auto bytes = socket_->unacknowledged_bytes()) connection_.on_unsent(*bytes, now_ms);
}

}  // namespace daphnis::worker
