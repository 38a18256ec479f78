#include "worker/uv/socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker::uv {
namespace {

/// Reads per event. A fast peer must not starve the others, and its bytes should go on to their
/// reader while the processor's cache holds them.
constexpr int kReadsPerEvent = 4;
/// Space in the buffer, in bytes, below which a read fills the next buffer as well.
constexpr size_t kSpaceWorthARead = 64 * limits::kKiB;
constexpr size_t kViewsPerWrite = 64;
/// Bytes of files per turn of the loop: on loopback the kernel takes them as fast as they come.
constexpr size_t kFileBytesPerTurn = 4 * limits::kMiB;

}  // namespace

Socket::Socket(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd, Connection& connection,
               ReadBuffers& buffers, std::function<void(Socket&)> after_event)
    : loop_(loop),
      connection_(connection),
      buffers_(buffers),
      after_event_(std::move(after_event)),
      poll_(loop, std::move(fd), [this](int events) { on_ready(events); }) {}

void Socket::on_ready(int events) {
  const uint64_t now_ms = loop_.now_ms();
  if ((events & UV_READABLE) != 0) read(now_ms);
  if ((events & UV_WRITABLE) != 0) is_blocked_ = false;
  after_event_(*this);
}

void Socket::read(uint64_t now_ms) {
  for (int reads = 0; reads < kReadsPerEvent; ++reads) {
    if (has_input_ended_ || !connection_.wants_input()) break;
    const bool may_be_more = connection_.keeps_input() ? read_kept(now_ms) : read_scratch(now_ms);
    if (!may_be_more) break;
  }
  // The buffer has no other holder: an idle connection must not keep it from other sockets.
  if (buffer_.is_unique()) buffer_ = {};
}

bool Socket::read_kept(uint64_t now_ms) {
  if (!buffer_ || filled_ == buffer_.capacity()) {
    buffer_ = buffers_.take();
    filled_ = 0;
  }
  const size_t space = buffer_.capacity() - filled_;
  BufferRef next = space < kSpaceWorthARead ? buffers_.take() : BufferRef();
  std::array<iovec, 2> parts{};
  parts[0] = {.iov_base = buffer_.data() + filled_, .iov_len = space};
  if (next) parts[1] = {.iov_base = next.data(), .iov_len = next.capacity()};
  const ssize_t size = ::readv(poll_.fd(), parts.data(), next ? 2 : 1);
  if (size <= 0) return take_read_result(size, now_ms);

  const auto first = std::min(static_cast<size_t>(size), space);
  const size_t second = static_cast<size_t>(size) - first;
  const Slice slice{buffer_, buffer_.data() + filled_, first};
  filled_ += first;
  if (second > 0) {
    buffer_ = std::move(next);
    filled_ = second;
  }
  connection_.on_bytes(slice, now_ms);
  if (second > 0) connection_.on_bytes(Slice{buffer_, buffer_.data(), second}, now_ms);
  return static_cast<size_t>(size) == space + (parts[1].iov_len);
}

bool Socket::read_scratch(uint64_t now_ms) {
  const BufferRef& scratch = buffers_.scratch();
  const ssize_t size = ::recv(poll_.fd(), scratch.data(), scratch.capacity(), 0);
  if (size <= 0) return take_read_result(size, now_ms);
  connection_.on_bytes(Slice{scratch, scratch.data(), static_cast<size_t>(size)}, now_ms);
  return static_cast<size_t>(size) == scratch.capacity();
}

bool Socket::take_read_result(ssize_t size, uint64_t now_ms) {
  if (size == 0) {
    has_input_ended_ = true;
    connection_.on_eof(now_ms);
  } else if (errno != EAGAIN && errno != EINTR) {
    has_input_ended_ = true;
    connection_.on_lost(now_ms);
  }
  return false;
}

void Socket::write(uint64_t now_ms) {
  std::array<Bytes, kViewsPerWrite> views;
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

/// Corks or uncorks the socket. sendfile() hands over 64 KiB at a time, which is a little more than
/// loopback's largest segment: without a cork (tcp(7)) every second segment of a long file would be
/// a few bytes long. A file that goes out in a single piece is cheaper without a cork.
void Socket::cork(bool is_corked) {
  if (std::exchange(is_corked_, is_corked) == is_corked) return;
  const int value = is_corked ? 1 : 0;
  ::setsockopt(poll_.fd(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

bool Socket::write_memory(std::span<const Bytes> views, uint64_t now_ms) {
  std::array<iovec, kViewsPerWrite> parts;
  size_t wanted = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    parts[i] = {.iov_base = const_cast<uint8_t*>(views[i].data()), .iov_len = views[i].size()};
    wanted += views[i].size();
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = views.size();
  // A head with a file behind it is not worth a segment of its own.
  const int more = connection_.has_file_next() ? MSG_MORE : 0;
  const ssize_t size = ::sendmsg(poll_.fd(), &message, MSG_NOSIGNAL | more);
  if (size < 0) {
    if (errno == EINTR) return true;
    is_blocked_ = errno == EAGAIN || errno == ENOBUFS;
    if (!is_blocked_) connection_.on_lost(now_ms);
    return false;
  }
  is_blocked_ = static_cast<size_t>(size) < wanted;
  connection_.on_written(static_cast<size_t>(size), now_ms);
  return !is_blocked_;
}

bool Socket::write_file(const FileRange& piece, uint64_t now_ms) {
  if (!files_) {
    files_ = std::make_unique<FileSender>(loop_, [this] { after_event_(*this); });
  }
  const FileSender::Sent sent = files_->send(poll_.fd(), piece);
  switch (sent.outcome) {
    case FileSender::Sent::Outcome::kBytes:
      break;
    case FileSender::Sent::Outcome::kBlocked:
      is_blocked_ = true;
      return false;
    case FileSender::Sent::Outcome::kCold:
      connection_.on_file_awaited();
      return false;
    case FileSender::Sent::Outcome::kFileLost:
      connection_.on_file_lost(sent.error, now_ms);
      return connection_.ending() == Ending::kOpen;  // Other output may be there at once.
    case FileSender::Sent::Outcome::kSocketLost:
      connection_.on_lost(now_ms);
      return false;
  }
  // The socket is full or other sockets have their turn; the poll says when to go on.
  is_blocked_ = sent.is_socket_full || sent.bytes >= file_bytes_left_;
  file_bytes_left_ -= std::min(file_bytes_left_, sent.bytes);
  connection_.on_written(sent.bytes, now_ms);
  return !is_blocked_;
}

Socket::Fate Socket::sync(uint64_t now_ms) {
  if (connection_.ending() != Ending::kReset) write(now_ms);
  set_reset_on_close(connection_.end_looks_whole());
  switch (connection_.ending()) {
    case Ending::kOpen:
      break;
    case Ending::kHalfClose:
      if (is_written() && !std::exchange(is_half_closed_, true)) {
        ::shutdown(poll_.fd(), SHUT_WR);
      }
      break;
    case Ending::kClose:
      // A full socket is no reason to stay where no output is left.
      if (is_written() || !has_output()) return Fate::kClosed;
      break;
    case Ending::kReset:
      set_reset_on_close(true);
      return Fate::kClosed;
    case Ending::kGiveBack:
      if (is_written()) return Fate::kGivenBack;
      break;
  }
  const bool reads = !has_input_ended_ && connection_.wants_input();
  poll_.want((reads ? UV_READABLE : 0) | (is_blocked_ ? UV_WRITABLE : 0));
  return Fate::kStays;
}

bool Socket::has_output() {
  std::array<Bytes, 1> view;
  return connection_.output(view) > 0 || connection_.file_output();
}

void Socket::set_reset_on_close(bool resets) {
  if (std::exchange(resets_on_close_, resets) == resets) return;
  const linger how{.l_onoff = resets ? 1 : 0, .l_linger = 0};
  ::setsockopt(poll_.fd(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
}

void Socket::on_tick(uint64_t now_ms) {
  if (!is_blocked_) return;
  int unsent = 0;
  if (::ioctl(poll_.fd(), SIOCOUTQ, &unsent) != 0) return;
  connection_.on_unsent(static_cast<size_t>(std::max(unsent, 0)), now_ms);
}

}  // namespace daphnis::worker::uv
