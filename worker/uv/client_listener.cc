#include "worker/uv/client_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerEvent = 64;
constexpr uint64_t kRestMs = 100;

UniqueFd open_reserve() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Result<UniqueFd> ClientListener::bind(const daphnis::uv::Address& address) {
  return daphnis::uv::listen_tcp(address, daphnis::uv::PortSharing::kShared, kBacklog);
}

ClientListener::ClientListener(daphnis::uv::Loop& loop, UniqueFd fd,
                               std::function<void(UniqueFd)> on_client)
    : on_client_(std::move(on_client)),
      poll_(loop, std::move(fd), [this](int) { on_ready(); }),
      rest_(loop, [this] { poll_.want(UV_READABLE); }),
      reserve_(open_reserve()) {
  poll_.want(UV_READABLE);
}

void ClientListener::on_ready() {
  for (int accepts = 0; accepts < kAcceptsPerEvent; ++accepts) {
    if (!accept_one()) return;
  }
}

void ClientListener::accept_waiting() {
  while (accept_one()) {
  }
}

bool ClientListener::accept_one() {
  UniqueFd client(::accept4(poll_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client) {
    // Answers go out in gather writes, which Nagle's algorithm would only delay.
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_client_(std::move(client));
    return true;
  }
  if (errno == ECONNABORTED || errno == EINTR) return true;
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) turn_one_away();
  return false;
}

void ClientListener::turn_one_away() {
  reserve_.reset();
  UniqueFd(::accept4(poll_.fd(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  reserve_ = open_reserve();
  poll_.want(0);
  rest_.start(kRestMs);
}

}  // namespace daphnis::worker::uv
