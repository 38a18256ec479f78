#include "common/uv/tls/fd_wire.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>

namespace daphnis::uv {
namespace {

tls::Moved moved(ssize_t size) {
  using Outcome = tls::Moved::Outcome;
  if (size > 0) return {.outcome = Outcome::kBytes, .bytes = static_cast<size_t>(size)};
  const bool is_blocked = errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
  return {.outcome = is_blocked ? Outcome::kBlocked : Outcome::kLost};
}

}  // namespace

tls::Moved FdWire::read(std::span<uint8_t> out) {
  const ssize_t size = ::recv(fd_, out.data(), out.size(), 0);
  if (size == 0) return {.outcome = tls::Moved::Outcome::kEnd};
  return moved(size);
}

tls::Moved FdWire::write(Bytes bytes, bool has_more) {
  return moved(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | (has_more ? MSG_MORE : 0)));
}

}  // namespace daphnis::uv
