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

#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {

void Socket::start(SocketUser& user) {
  user_ = &user;
}

daphnis::uv::UniqueFd Socket::release() {
  return poll_ ? poll_->release() : std::move(fd_);
}

SocketRead Socket::read(std::span<uint8_t> first, std::span<uint8_t> second) {
  ssize_t size = 0;
  if (second.empty()) {
    size = ::recv(fd(), first.data(), first.size(), 0);
  } else {
    const std::array<iovec, 2> parts{{{.iov_base = first.data(), .iov_len = first.size()},
                                      {.iov_base = second.data(), .iov_len = second.size()}}};
    size = ::readv(fd(), parts.data(), parts.size());
  }
  if (size > 0) {
    return {.outcome = SocketRead::Outcome::kBytes, .bytes = static_cast<size_t>(size)};
  }
  if (size == 0) return {.outcome = SocketRead::Outcome::kEnd};
  if (errno == EAGAIN || errno == EINTR) return {.outcome = SocketRead::Outcome::kNothing};
  return {.outcome = SocketRead::Outcome::kLost};
}

SocketWritten Socket::write(std::span<const Bytes> views, bool has_more) {
  std::array<iovec, kViewsPerWrite> parts;
  size_t wanted = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    wanted += views[i].size();
    parts[i] = {.iov_base = const_cast<uint8_t*>(views[i].data()), .iov_len = views[i].size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = views.size();
  const int flags = MSG_NOSIGNAL | (has_more ? MSG_MORE : 0);
  ssize_t size = 0;
  do {
    size = ::sendmsg(fd(), &message, flags);
  } while (size < 0 && errno == EINTR);
  if (size >= 0) {
    const auto bytes = static_cast<size_t>(size);
    return {.bytes = bytes, .is_full = bytes < wanted};
  }
  if (errno == EAGAIN || errno == ENOBUFS) return {.is_full = true};
  return {.is_lost = true};
}

FileSender& Socket::files() {
  if (!files_) {
    files_ = std::make_unique<FileSender>(loop_, [this] { user_->on_file_warm(loop_.now_ms()); });
  }
  return *files_;
}

FileSent Socket::send(const FileRange& piece) {
  return sums_of(*piece.file) ? send_looked(piece) : files().send(fd(), piece);
}

FileBytes Socket::look(const FileRange& piece) {
  return files().look(piece);
}

void Socket::set_cork(bool is_corked) {
  const int value = is_corked ? 1 : 0;
  ::setsockopt(fd(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void Socket::shut_down() {
  ::shutdown(fd(), SHUT_WR);
}

void Socket::set_reset_on_close(bool resets) {
  const linger how{.l_onoff = resets ? 1 : 0, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &how, sizeof how);
}

void Socket::want(Readiness wanted) {
  if (!poll_) {
    if (!wanted.reads && !wanted.writes) return;
    poll_.emplace(loop_, std::move(fd_), [this](int events) {
      user_->on_ready({.reads = (events & UV_READABLE) != 0, .writes = (events & UV_WRITABLE) != 0},
                      loop_.now_ms());
    });
  }
  poll_->want((wanted.reads ? UV_READABLE : 0) | (wanted.writes ? UV_WRITABLE : 0));
}

std::optional<size_t> Socket::unacknowledged_bytes() {
  int bytes = 0;
  if (::ioctl(fd(), SIOCOUTQ, &bytes) != 0) return std::nullopt;
  return static_cast<size_t>(std::max(bytes, 0));
}

}  // namespace daphnis::worker::uv
