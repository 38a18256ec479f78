#include "common/uv/pending/proxy_greetings.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "tests/fakes/skip.h"

namespace daphnis::uv {
namespace {

CidrSet set_of(std::string_view range) {
  CidrSet set;
  set.add(*parse_cidr(range));
  return set;
}

/// A listener on loopback whose connections must bring PROXY headers.
struct Door {
  explicit Door(std::string_view trusted = "127.0.0.1")
      : greetings(loop, log, set_of(trusted), [this](UniqueFd fd, std::string address) {
          named.push_back(std::move(address));
          sockets.push_back(std::move(fd));
        }) {
    auto bound = listen_tcp({"127.0.0.1", 0}, PortSharing::kExclusive, 16);
    REQUIRE(bound);
    listener = std::move(*bound);
  }

  /// Connects, sends and has the connection greeted; returns the near end.
  UniqueFd connect(std::string_view text) {
    UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(bound_port(listener.get()));
    REQUIRE(::connect(near.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    send(near, text);
    UniqueFd far(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(far);
    greetings.add(std::move(far));
    return near;
  }
  static void send(const UniqueFd& to, std::string_view text) {
    REQUIRE(::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /// What is left in the socket that was greeted last.
  std::string rest() {
    std::string text(100, '\0');
    const ssize_t size = ::recv(sockets.back().get(), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }
  /// True where the far end was closed.
  static bool is_closed(const UniqueFd& near) {
    char byte = 0;
    return ::recv(near.get(), &byte, 1, 0) <= 0;
  }

  Loop loop;
  Log log{"test"};
  std::vector<std::string> named;
  std::vector<UniqueFd> sockets;
  UniqueFd listener;
  ProxyGreetings greetings;
};

}  // namespace

TEST_CASE("a trusted proxy names the client, and what follows the header stays in the socket",
          "[uv][proxy]") {
  Door door;
  const UniqueFd near =
      door.connect("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nGET / HTTP/1.1\r\n");
  REQUIRE(door.named == std::vector<std::string>{"203.0.113.9"});
  CHECK(door.rest() == "GET / HTTP/1.1\r\n");
  CHECK(door.greetings.refused() == 0);
}

TEST_CASE("a header that comes byte by byte is taken whole", "[uv][proxy]") {
  Door door;
  const UniqueFd near = door.connect("");
  for (const char byte : std::string("PROXY TCP6 2001:db8::9 ::1 4711 80\r\n")) {
    REQUIRE(door.named.empty());
    Door::send(near, {&byte, 1});
    REQUIRE(door.loop.run_once());
  }
  CHECK(door.named == std::vector<std::string>{"2001:db8::9"});
  Door::send(near, "x");
  CHECK(door.rest() == "x");
}

TEST_CASE("a proxy that names nobody speaks for itself", "[uv][proxy]") {
  Door door;
  const UniqueFd near = door.connect("PROXY UNKNOWN\r\n");
  CHECK(door.named == std::vector<std::string>{"127.0.0.1"});
}

TEST_CASE("a stranger is closed, whatever it sends", "[uv][proxy]") {
  Door door("192.0.2.0/24");
  const UniqueFd near = door.connect("PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n");
  CHECK(Door::is_closed(near));
  CHECK(door.named.empty());
  CHECK(door.greetings.refused() == 1);
}

TEST_CASE("a connection without a header is closed", "[uv][proxy]") {
  Door door;
  CHECK(Door::is_closed(door.connect("GET / HTTP/1.1\r\n\r\n")));
  const UniqueFd half = door.connect("PROXY TCP4 ");
  ::shutdown(half.get(), SHUT_WR);
  REQUIRE(door.loop.run_once());
  CHECK(Door::is_closed(half));
  CHECK(door.named.empty());
  CHECK(door.greetings.refused() == 2);
}

TEST_CASE("so many connections wait for their headers, and the oldest makes way", "[uv][proxy]") {
  // Both ends of each are here.
  if (raise_descriptor_limit() < 3 * limits::kProxyHeadersAwaitedMax) {
    return test::skip("too few descriptors are allowed");
  }
  Door door;
  const UniqueFd oldest = door.connect("PROXY ");
  std::vector<UniqueFd> others;
  for (size_t i = 1; i < limits::kProxyHeadersAwaitedMax; ++i) {
    others.push_back(door.connect(""));
  }
  CHECK(door.greetings.refused() == 0);
  const UniqueFd last = door.connect("PROXY UNKNOWN\r\n");
  CHECK(Door::is_closed(oldest));
  CHECK(door.named.size() == 1);
  CHECK(door.greetings.refused() == 1);
}

}  // namespace daphnis::uv
