#include "broker/uv/l2_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "common/uv/tls/tls_stream.h"

namespace daphnis::broker::uv {
namespace {

/// The send buffer of a registration. Linux doubles this and has a minimum of its own; it only must
/// be far below megabytes.
constexpr int kRegistrationSendBufferBytes = 8 * 1024;

}  // namespace

daphnis::uv::ByteStream::Events L2Sockets::events_of(ConnId id) {
  return {.on_bytes =
              [this, id](Bytes bytes) {
                if (Relay* relay = relay_of(id)) return relay->on_l2_bytes(bytes);
                events_.on_bytes(id, bytes);
              },
          .on_end =
              [this, id](const std::string& why) {
                if (Relay* relay = relay_of(id)) return relay->on_l2_end(why);
                events_.on_closed(id, why);
              },
          .on_taken =
              [this, id] {
                if (Relay* relay = relay_of(id)) return relay->on_l2_taken();
                const auto found = sockets_.find(id);
                if (found == sockets_.end()) return;
                events_.on_unsent(id, found->second.stream->unsent_bytes());
              }};
}

L2Sockets::Added L2Sockets::add(daphnis::uv::UvPtr<uv_tcp_t> tcp, std::string address) {
  const ConnId id{++last_id_};
  auto stream = std::make_unique<daphnis::uv::Stream>(std::move(tcp), events_of(id));
  stream->start();
  Added added{
      .id = id,
      .peer = {.address = std::move(address), .cookie = daphnis::uv::socket_cookie(stream->fd())}};
  // A relay's end that has come back is the connection of the L2 behind that relay.
  const auto found = relays_by_cookie_.find(added.peer.cookie);
  if (found != relays_by_cookie_.end()) {
    added.peer = relays_.at(found->second).peer;
  } else if (added.peer.address.empty()) {
    added.peer.address = daphnis::uv::peer_host(stream->fd());
  }
  Socket& socket = sockets_[id];
  socket.plain = stream.get();
  socket.stream = std::move(stream);
  socket.peer.cookie = added.peer.cookie;
  return added;
}

L2Sockets::Added L2Sockets::add(daphnis::uv::UvPtr<uv_tcp_t> tcp,
                                std::unique_ptr<tls::Session> session, const std::string& address) {
  const ConnId id{++last_id_};
  std::string certified_id = session->peer_name();
  auto stream = std::make_unique<daphnis::uv::TlsStream>(loop_, std::move(tcp), std::move(session),
                                                         events_of(id));
  stream->start();
  Added added{.id = id,
              .peer = {.address = address,
                       .cookie = daphnis::uv::socket_cookie(stream->fd()),
                       .over_tls = true,
                       .certified_id = std::move(certified_id)}};
  Socket& socket = sockets_[id];
  socket.stream = std::move(stream);
  socket.peer = added.peer;
  return added;
}

size_t L2Sockets::write(ConnId id, std::string bytes) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) return 0;
  daphnis::uv::ByteStream& stream = *found->second.stream;
  bytes.erase(0, stream.try_write(bytes));
  stream.write(std::move(bytes));
  return stream.unsent_bytes();
}

void L2Sockets::shutdown(ConnId id) {
  const auto found = sockets_.find(id);
  if (found != sockets_.end()) found->second.stream->shutdown();
}

void L2Sockets::tune_registration(ConnId id, unsigned user_timeout_ms) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) return;
  const int fd = found->second.stream->fd();
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kRegistrationSendBufferBytes,
             sizeof kRegistrationSendBufferBytes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

L2Sockets::Released L2Sockets::release(ConnId id) {
  const auto found = sockets_.find(id);
  if (found == sockets_.end()) return {};
  Socket socket = std::move(found->second);
  sockets_.erase(found);
  if (socket.plain == nullptr) return relay(id, std::move(socket));
  if (socket.plain->unsent_bytes() != 0) return {};
  return {.tcp = socket.plain->release(), .cookie = socket.peer.cookie};
}

L2Sockets::Released L2Sockets::relay(ConnId id, Socket socket) {
  auto made = Relay::create(loop_, std::move(socket.stream), [this, id] {
    const auto over = relays_.find(id);
    relays_by_cookie_.erase(over->second.peer.cookie);
    relays_.erase(over);
  });
  if (!made) return {};
  Relay::GivenEnd given = (*made)->take_given_end();
  relays_by_cookie_.emplace(given.cookie, id);
  socket.peer.cookie = given.cookie;
  relays_.emplace(id, Relayed{.relay = std::move(*made), .peer = std::move(socket.peer)});
  return {.tcp = daphnis::uv::tcp_of(loop_, std::move(given.fd)), .cookie = given.cookie};
}

Relay* L2Sockets::relay_of(ConnId id) {
  const auto found = relays_.find(id);
  return found == relays_.end() ? nullptr : found->second.relay.get();
}

}  // namespace daphnis::broker::uv
