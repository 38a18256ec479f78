#include "common/uv/proxy_greetings.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::uv {
namespace {

/// Bytes that are looked at together; headers of either version mostly fit.
constexpr size_t kLookBytes = 512;

}  // namespace

ProxyGreetings::ProxyGreetings(Loop& loop, Log& log, CidrSet trusted,
                               std::function<void(UniqueFd, std::string)> on_named)
    : loop_(loop),
      log_(log),
      trusted_(std::move(trusted)),
      on_named_(std::move(on_named)),
      timer_(loop, [this] { on_time(); }) {}

void ProxyGreetings::add(UniqueFd fd) {
  std::string peer = peer_host(fd.get());
  const auto address = IpAddress::parse(peer);
  if (!address || !trusted_.contains(*address)) {
    return count_refusal(peer, "it is no trusted proxy");
  }
  if (waiting_.size() >= limits::kProxyHeadersAwaitedMax) {
    refuse(waiting_.begin(), "too many others wait for their headers");
  }
  waiting_.emplace_back();
  const Place place = std::prev(waiting_.end());
  place->peer = std::move(peer);
  place->deadline_ms = loop_.now_ms() + limits::kProxyHeaderMs;
  place->poll.emplace(loop_, std::move(fd), [this, place](int) { on_ready(place); });
  // The header comes with the connection's first segment, which is there in most cases.
  on_ready(place);
  arm();
}

/// Looks at what has come, and takes only bytes of the header off the socket: those behind it are
/// for whoever gets the connection.
void ProxyGreetings::on_ready(Place place) {
  std::array<uint8_t, kLookBytes> bytes;
  const int fd = place->poll->fd();
  while (place->header.state() == peer::ProxyHeader::State::kNeedMore) {
    const ssize_t seen = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
    if (seen < 0 && errno == EINTR) continue;
    if (seen < 0 && errno == EAGAIN) return place->poll->want(UV_READABLE);
    if (seen <= 0) return refuse(place, "it ended before its header did");
    const size_t taken = place->header.feed({bytes.data(), static_cast<size_t>(seen)});
    if (::recv(fd, bytes.data(), taken, 0) != static_cast<ssize_t>(taken)) {
      return refuse(place, "its bytes cannot be read");
    }
  }
  if (place->header.state() == peer::ProxyHeader::State::kDone) return name(place);
  refuse(place, place->header.problem());
}

void ProxyGreetings::name(Place place) {
  const auto source = place->header.source();
  std::string address = source ? source->text() : std::move(place->peer);
  UniqueFd fd = place->poll->release();
  waiting_.erase(place);
  on_named_(std::move(fd), std::move(address));
}

void ProxyGreetings::refuse(Place place, std::string_view why) {
  const std::string peer = std::move(place->peer);
  waiting_.erase(place);
  count_refusal(peer, why);
}

void ProxyGreetings::count_refusal(const std::string& peer, std::string_view why) {
  ++refused_;
  const uint64_t now_ms = loop_.now_ms();
  if (now_ms < next_log_ms_) return;
  next_log_ms_ = now_ms + limits::kProxyRefusalsLogMs;
  log_.warn(LogLine("proxy_refused").add("from", peer).add("why", why).add("refused", refused_));
}

void ProxyGreetings::on_time() {
  while (!waiting_.empty() && loop_.now_ms() >= waiting_.front().deadline_ms) {
    refuse(waiting_.begin(), "its header did not come in time");
  }
  arm();
}

void ProxyGreetings::arm() {
  if (waiting_.empty() || timer_.is_active()) return;
  const uint64_t now_ms = loop_.now_ms();
  const uint64_t deadline_ms = waiting_.front().deadline_ms;
  timer_.start(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

}  // namespace daphnis::uv
