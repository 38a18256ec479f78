#include "common/uv/tls/hello_peeks.h"

#include <sys/socket.h>

#include <cerrno>
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
    : on_peeked_(std::move(on_peeked)),
      bytes_(limits::kClientHelloBytesMax),
      pending_(loop, log,
               {.sockets_max = limits::kClientHellosAwaitedMax,
                .time_ms = limits::kClientHelloMs,
                .too_many = "too many others wait for their ClientHellos",
                .too_late = "its ClientHello did not come in time",
                .log_line = LogLine("tls_refused"),
                .log_every_ms = limits::kClientHellosLogMs},
               {.on_ready = [this](Pending::Place place, int events) {
                 look(place, (events & UV_DISCONNECT) != 0);
               }}) {}

void HelloPeeks::add(UniqueFd fd, std::string address) {
  // The ClientHello comes with the connection's first segments, which are there in many cases.
  look(pending_.add(std::move(fd), std::move(address)), false);
}

/// Looks at what has come. `has_ended`: the client has ended its side.
void HelloPeeks::look(Pending::Place place, bool has_ended) {
  const int fd = place->poll->fd();
  ssize_t size = 0;
  do {
    size = ::recv(fd, bytes_.data(), bytes_.size(), MSG_PEEK);
  } while (size < 0 && errno == EINTR);
  const bool is_empty = size < 0 && errno == EAGAIN;
  if (size <= 0 && !is_empty) return pending_.refuse(place, "it ended before its ClientHello did");
  const size_t seen_bytes = is_empty ? 0 : static_cast<size_t>(size);
  tls::HelloLook found = tls::look_at_client_hello(std::span(bytes_).first(seen_bytes));
  switch (found.found) {
    case tls::HelloLook::Found::kName:
    case tls::HelloLook::Found::kNoName:
      return pass_on(place, std::move(found.name));
    case tls::HelloLook::Found::kNoHello:
      return pending_.refuse(place, found.problem);
    case tls::HelloLook::Found::kNeedMore:
      break;
  }
  // The socket would be readable for ever from now on, and nothing more comes.
  if (has_ended) return pending_.refuse(place, "it ended before its ClientHello did");
  Looked& looked = place->progress;
  // A system that is short of memory for sockets says at any number of bytes that they should be
  // read, and says it until they are.
  const bool is_pressed = looked.needed_bytes > 1 && seen_bytes == looked.seen_bytes;
  if (is_pressed) {
    return pending_.refuse(place, "the system has no memory for the rest of its ClientHello");
  }
  looked.seen_bytes = seen_bytes;
  // Its first byte says mostly whether it is TLS at all.
  wait_for(place, seen_bytes == 0 ? 1 : found.needed_bytes);
}

void HelloPeeks::wait_for(Pending::Place place, size_t needed_bytes) {
  // Bytes that are left in the socket would make it readable at once, again and again.
  size_t& low_water = place->progress.needed_bytes;
  if (needed_bytes != low_water) set_low_water(place->poll->fd(), needed_bytes);
  low_water = needed_bytes;
  place->poll->want(UV_READABLE | UV_DISCONNECT);
}

void HelloPeeks::pass_on(Pending::Place place, std::string name) {
  auto [fd, address, looked] = pending_.take(place);
  if (looked.needed_bytes > 1) set_low_water(fd.get(), 1);
  on_peeked_({.fd = std::move(fd), .name = std::move(name), .address = std::move(address)});
}

}  // namespace daphnis::uv
