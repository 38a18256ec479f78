#include "broker/uv/l2_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace daphnis::broker::uv {
namespace {

/// The send buffer of a registration. Linux doubles this and has a minimum of its own; it only must
/// be far below megabytes.
constexpr int kRegistrationSendBufferBytes = 8 * 1024;

}  // namespace

L2Sockets::Added L2Sockets::add(daphnis::uv::UvPtr<uv_tcp_t> tcp, std::string address) {
  const ConnId id{++last_id_};
  auto stream = std::make_unique<daphnis::uv::Stream>(
      std::move(tcp),
      daphnis::uv::Stream::Events{
          .on_bytes = [this, id](Bytes bytes) { events_.on_bytes(id, bytes); },
          .on_end = [this, id](const std::string& why) { events_.on_closed(id, why); },
          .on_taken =
              [this, id] {
                const auto found = streams_.find(id);
                if (found != streams_.end()) events_.on_unsent(id, found->second->unsent_bytes());
              }});
  stream->start();
  if (address.empty()) address = daphnis::uv::peer_host(stream->fd());
  Added added{
      .id = id, .address = std::move(address), .cookie = daphnis::uv::socket_cookie(stream->fd())};
  streams_.emplace(id, std::move(stream));
  return added;
}

size_t L2Sockets::write(ConnId id, std::string bytes) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return 0;
  bytes.erase(0, found->second->try_write(bytes));
  found->second->write(std::move(bytes));
  return found->second->unsent_bytes();
}

void L2Sockets::shutdown(ConnId id) {
  const auto found = streams_.find(id);
  if (found != streams_.end()) found->second->shutdown();
}

void L2Sockets::tune_registration(ConnId id, unsigned user_timeout_ms) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const int fd = found->second->fd();
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kRegistrationSendBufferBytes,
             sizeof kRegistrationSendBufferBytes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

daphnis::uv::UvPtr<uv_tcp_t> L2Sockets::release(ConnId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return nullptr;
  const std::unique_ptr<daphnis::uv::Stream> stream = std::move(found->second);
  streams_.erase(found);
  return stream->unsent_bytes() == 0 ? stream->release() : nullptr;
}

}  // namespace daphnis::broker::uv
