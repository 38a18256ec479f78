#include "common/uv/tls/handshakes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/uv/tls/fd_wire.h"
#include "tests/fakes/certificates.h"
#include "tests/fakes/skip.h"

namespace daphnis::uv {
namespace {

using tls::Session;

/// A listener on loopback whose connections speak TLS.
struct Door {
  Door()
      : handshakes(loop, log, "clients",
                   [this](Handshakes::Done each) { done.push_back(std::move(each)); }) {
    auto bound = listen_tcp({"127.0.0.1", 0}, PortSharing::kExclusive, 64);
    REQUIRE(bound);
    listener = std::move(*bound);
    auto context = tls::server_context({.certificates = {ca.issue({"edge.test"})}});
    REQUIRE(context);
    handshakes.set_context(std::move(*context));
  }

  /// Connects, and begins the far end's handshake; returns the near end.
  UniqueFd connect() {
    UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(bound_port(listener.get()));
    REQUIRE(::connect(near.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    UniqueFd far(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(far);
    handshakes.add(std::move(far), "192.0.2.1");
    return near;
  }
  void turn() { uv_run(loop.raw(), UV_RUN_NOWAIT); }
  /// True where the far end has closed the connection.
  static bool is_closed(const UniqueFd& near) {
    char bytes[1'000];
    while (true) {
      const ssize_t size = ::recv(near.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (size > 0) continue;
      return size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
  }

  daphnis::test::TestCa ca;
  Loop loop;
  Log log{"test"};
  UniqueFd listener;
  std::vector<Handshakes::Done> done;
  Handshakes handshakes;
};

/// A client in its handshake.
struct Client {
  explicit Client(Door& door) : fd(door.connect()) {
    auto context = tls::client_context({.ca = door.ca.certificate(), .ca_name = "ca.pem"});
    REQUIRE(context);
    session = Session::connect(*context, "edge.test");
  }
  void step() {
    if (state == Session::Handshake::kDone || state == Session::Handshake::kFailed) return;
    const int flags = ::fcntl(fd.get(), F_GETFL);
    ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
    FdWire wire(fd.get());
    state = session->handshake(wire);
  }

  UniqueFd fd;
  std::unique_ptr<Session> session;
  Session::Handshake state = Session::Handshake::kWantsRead;
};

}  // namespace

TEST_CASE("a connection goes on once its handshake is done", "[uv][tls]") {
  Door door;
  Client client(door);
  for (int i = 0; i < 1'000 && door.done.empty(); ++i) {
    client.step();
    door.turn();
  }
  REQUIRE(door.done.size() == 1);
  CHECK(door.done[0].address == "192.0.2.1");
  CHECK(door.handshakes.size() == 0);
  CHECK(door.handshakes.counts().full == 1);
  CHECK(door.handshakes.counts().failed == 0);
}

TEST_CASE("what is no handshake is closed and counted", "[uv][tls]") {
  Door door;
  const UniqueFd near = door.connect();
  REQUIRE(::write(near.get(), "GET / HTTP/1.1\r\n\r\n", 18) == 18);
  for (int i = 0; i < 1'000 && door.handshakes.size() > 0; ++i) door.turn();
  CHECK(Door::is_closed(near));
  CHECK(door.done.empty());
  CHECK(door.handshakes.counts().failed == 1);
}

TEST_CASE("a crowd's handshakes are done a few in each turn of the loop", "[uv][tls]") {
  constexpr size_t kClients = 3 * limits::kTlsHandshakeStepsPerTurn;
  Door door;
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(door));
  size_t most = 0;
  for (int i = 0; i < 5'000 && door.done.size() < kClients; ++i) {
    for (const auto& client : clients) client->step();
    const size_t before = door.done.size();
    door.turn();
    most = std::max(most, door.done.size() - before);
  }
  CHECK(door.done.size() == kClients);
  CHECK(most <= limits::kTlsHandshakeStepsPerTurn);
}

TEST_CASE("a handshake may be closed for others while its next step is due", "[uv][tls]") {
  // Both ends of each are here.
  if (raise_descriptor_limit() < 3 * limits::kTlsHandshakesMax) {
    return daphnis::test::skip("too few descriptors are allowed");
  }
  Door door;
  Client oldest(door);
  oldest.step();
  door.turn();  // It is ready, and its step comes behind the next poll.
  std::vector<UniqueFd> others;
  for (size_t i = 1; i < limits::kTlsHandshakesMax; ++i) others.push_back(door.connect());
  CHECK(door.handshakes.counts().failed == 0);
  Client last(door);
  CHECK(door.handshakes.counts().failed == 1);
  for (int i = 0; i < 1'000 && door.done.empty(); ++i) {
    last.step();
    door.turn();
  }
  CHECK(door.done.size() == 1);
  CHECK(Door::is_closed(oldest.fd));
  CHECK(door.handshakes.size() == limits::kTlsHandshakesMax - 1);
}

}  // namespace daphnis::uv
