#include "common/uv/tls/hello_peeks.h"

#include <sys/socket.h>

#include <cerrno>
#include <iterator>
#include <span>
#include <utility>

#include "common/base/limits.h"
#include "common/tls/client_hello.h"

namespace daphnis::uv {
namespace {

/// Says that the socket is readable once it has so many bytes (SO_RCVLOWAT), or has ended.
void set_low_water(int fd, size_t bytes) {
  const int value = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
}

}  // namespace

HelloPeeks::HelloPeeks(Loop& loop, Log& log, std::function<void(Peeked)> on_peeked)
    : loop_(loop),
      log_(log),
      on_peeked_(std::move(on_peeked)),
      bytes_(limits::kClientHelloBytesMax),
      timer_(loop, [this] { on_time(); }) {}

void HelloPeeks::add(UniqueFd fd, std::string address) {
  if (waiting_.size() >= limits::kClientHellosAwaitedMax) {
    refuse(waiting_.begin(), "too many others wait for their ClientHellos");
  }
  waiting_.emplace_back();
  const Place place = std::prev(waiting_.end());
  place->address = std::move(address);
  place->deadline_ms = loop_.now_ms() + limits::kClientHelloMs;
  place->poll.emplace(loop_, std::move(fd),
                      [this, place](int events) { look(place, (events & UV_DISCONNECT) != 0); });
  // The ClientHello comes with the connection's first segments, which are there in many cases.
  look(place, false);
  arm();
}

/// Looks at what has come. `has_ended`: the client has ended its side.
void HelloPeeks::look(Place place, bool has_ended) {
  const int fd = place->poll->fd();
  ssize_t size = 0;
  do {
    size = ::recv(fd, bytes_.data(), bytes_.size(), MSG_PEEK);
  } while (size < 0 && errno == EINTR);
  const bool is_empty = size < 0 && errno == EAGAIN;
  if (size <= 0 && !is_empty) return refuse(place, "it ended before its ClientHello did");
  const size_t seen_bytes = is_empty ? 0 : static_cast<size_t>(size);
  tls::HelloLook found = tls::look_at_client_hello(std::span(bytes_).first(seen_bytes));
  switch (found.found) {
    case tls::HelloLook::Found::kName:
    case tls::HelloLook::Found::kNoName:
      return pass_on(place, std::move(found.name));
    case tls::HelloLook::Found::kNoHello:
      return refuse(place, found.problem);
    case tls::HelloLook::Found::kNeedMore:
      break;
  }
  // The socket would be readable for ever from now on, and nothing more comes.
  if (has_ended) return refuse(place, "it ended before its ClientHello did");
  // A system that is short of memory for sockets says at any number of bytes that they should be
  // read, and says it until they are.
  const bool is_pressed = place->needed_bytes > 1 && seen_bytes == place->seen_bytes;
  if (is_pressed) return refuse(place, "the system has no memory for the rest of its ClientHello");
  place->seen_bytes = seen_bytes;
  // Its first byte says mostly whether it is TLS at all.
  wait_for(place, seen_bytes == 0 ? 1 : found.needed_bytes);
}

void HelloPeeks::wait_for(Place place, size_t needed_bytes) {
  // Bytes that are left in the socket would make it readable at once, again and again.
  if (needed_bytes != place->needed_bytes) set_low_water(place->poll->fd(), needed_bytes);
  place->needed_bytes = needed_bytes;
  place->poll->want(UV_READABLE | UV_DISCONNECT);
}

void HelloPeeks::pass_on(Place place, std::string name) {
  if (place->needed_bytes > 1) set_low_water(place->poll->fd(), 1);
  Peeked peeked{
      .fd = place->poll->release(), .name = std::move(name), .address = std::move(place->address)};
  waiting_.erase(place);
  on_peeked_(std::move(peeked));
}

void HelloPeeks::refuse(Place place, std::string_view why) {
  const std::string address = std::move(place->address);
  waiting_.erase(place);
  ++refused_;
  const uint64_t now_ms = loop_.now_ms();
  if (now_ms < next_log_ms_) return;
  next_log_ms_ = now_ms + limits::kClientHellosLogMs;
  log_.warn(LogLine("tls_refused").add("from", address).add("why", why).add("refused", refused_));
}

void HelloPeeks::on_time() {
  while (!waiting_.empty() && loop_.now_ms() >= waiting_.front().deadline_ms) {
    refuse(waiting_.begin(), "its ClientHello did not come in time");
  }
  arm();
}

void HelloPeeks::arm() {
  if (waiting_.empty() || timer_.is_active()) return;
  const uint64_t now_ms = loop_.now_ms();
  const uint64_t deadline_ms = waiting_.front().deadline_ms;
  timer_.start(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

}  // namespace daphnis::uv
