#include "common/uv/pending/proxy_greetings.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::uv {
namespace {

/// Bytes that are looked at together; headers of either version mostly fit.
constexpr size_t kLookBytes = 512;

}  // namespace

ProxyGreetings::ProxyGreetings(Loop& loop, Log& log, CidrSet trusted,
                               std::function<void(UniqueFd, std::string)> on_named)
    : trusted_(std::move(trusted)),
      on_named_(std::move(on_named)),
      pending_(loop, log,
               {.sockets_max = limits::kProxyHeadersAwaitedMax,
                .time_ms = limits::kProxyHeaderMs,
                .too_many = "too many others wait for their headers",
                .too_late = "its header did not come in time",
                .log_line = LogLine("proxy_refused"),
                .log_every_ms = limits::kProxyRefusalsLogMs},
               {.on_ready = [this](Pending::Place place, int) { look(place); }}) {}

void ProxyGreetings::add(UniqueFd fd) {
  std::string peer = peer_host(fd.get());
  const auto address = IpAddress::parse(peer);
  if (!address || !trusted_.contains(*address)) {
    return pending_.refusals().add(peer, "it is no trusted proxy");
  }
  // The header comes with the connection's first segment, which is there in most cases.
  look(pending_.add(std::move(fd), std::move(peer)));
}

/// Looks at what has come, and takes only bytes of the header off the socket: those behind it are
/// for whoever gets the connection.
void ProxyGreetings::look(Pending::Place place) {
  using State = peer::ProxyHeader::State;
  std::array<uint8_t, kLookBytes> bytes;
  const int fd = place->poll->fd();
  peer::ProxyHeader& header = place->progress;
  while (header.state() == State::kNeedMore) {
    const ssize_t seen = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0 && errno == EAGAIN) return place->poll->want(UV_READABLE);
    if (seen <= 0) return pending_.refuse(place, "it ended before its header did");
    const size_t taken = header.feed({bytes.data(), static_cast<size_t>(seen)});
    if (::recv(fd, bytes.data(), taken, 0) != static_cast<ssize_t>(taken)) {
      return pending_.refuse(place, "its bytes cannot be read");
    }
  }
  if (header.state() == State::kDone) return name(place);
  pending_.refuse(place, header.problem());
}

void ProxyGreetings::name(Pending::Place place) {
  auto [fd, peer, header] = pending_.take(place);
  const auto source = header.source();
  on_named_(std::move(fd), source ? source->text() : std::move(peer));
}

}  // namespace daphnis::uv
