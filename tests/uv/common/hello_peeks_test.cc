#include "common/uv/tls/hello_peeks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "tests/fakes/hellos.h"
#include "tests/fakes/skip.h"

namespace daphnis::uv {
namespace {

using tls::test::hello_for;

/// A listener on loopback whose connections are looked at.
struct Door {
  Door() : peeks(loop, log, [this](HelloPeeks::Peeked one) { peeked.push_back(std::move(one)); }) {
    auto bound = listen_tcp({"127.0.0.1", 0}, PortSharing::kExclusive, 16);
    REQUIRE(bound);
    listener = std::move(*bound);
  }

  /// Connects, sends and has the connection looked at; returns the near end.
  UniqueFd connect(std::string_view bytes) {
    UniqueFd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int yes = 1;
    ::setsockopt(near.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(bound_port(listener.get()));
    REQUIRE(::connect(near.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    send(near, bytes);
    UniqueFd far(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    REQUIRE(far);
    peeks.add(std::move(far), "192.0.2.7");
    return near;
  }
  static void send(const UniqueFd& to, std::string_view bytes) {
    REQUIRE(::write(to.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  /// Lets all happen that the sockets are ready for.
  void settle() {
    for (int turn = 0; turn < 3; ++turn) loop.run_once(UV_RUN_NOWAIT);
  }
  /// Runs the loop until that many connections were passed on or closed.
  void run_until(size_t count) {
    while (peeked.size() + peeks.refused() < count) REQUIRE(loop.run_once());
  }
  /// Runs the loop for so long; returns the number of its turns.
  size_t turns_in(uint64_t ms) {
    bool is_over = false;
    Timer timer(loop, [&] { is_over = true; });
    timer.start(ms);
    size_t turns = 0;
    for (; !is_over; ++turns) loop.run_once();
    return turns;
  }
  /// What is in the socket that was passed on last.
  std::string rest() {
    std::string text(2 * limits::kClientHelloBytesMax, '\0');
    const ssize_t size = ::recv(peeked.back().fd.get(), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }
  int low_water() {
    int value = 0;
    socklen_t size = sizeof value;
    ::getsockopt(peeked.back().fd.get(), SOL_SOCKET, SO_RCVLOWAT, &value, &size);
    return value;
  }
  /// True where the far end was closed.
  static bool is_closed(const UniqueFd& near) {
    char byte = 0;
    return ::recv(near.get(), &byte, 1, 0) <= 0;
  }

  Loop loop;
  Log log{"test"};
  std::vector<HelloPeeks::Peeked> peeked;
  UniqueFd listener;
  HelloPeeks peeks;
};

const std::string kHello = hello_for("w3-1f.Edge.example");

}  // namespace

TEST_CASE("a connection is passed on with the name that it asks for, and nothing of it is read",
          "[uv][tls]") {
  Door door;
  const UniqueFd near = door.connect(kHello + "and more");
  REQUIRE(door.peeked.size() == 1);
  CHECK(door.peeked[0].name == "w3-1f.edge.example");
  CHECK(door.peeked[0].address == "192.0.2.7");
  CHECK(door.rest() == kHello + "and more");
  CHECK(door.low_water() == 1);
  CHECK(door.peeks.waiting() == 0);
}

TEST_CASE("a connection whose client names no server is passed on without a name", "[uv][tls]") {
  Door door;
  const UniqueFd near = door.connect(tls::test::records(tls::test::hello_with(std::nullopt)));
  REQUIRE(door.peeked.size() == 1);
  CHECK(door.peeked[0].name.empty());
}

TEST_CASE("a ClientHello may come byte by byte, and its socket wakes the loop but a few times",
          "[uv][tls]") {
  Door door;
  const UniqueFd near = door.connect("");
  for (const char byte : kHello) {
    REQUIRE(door.peeked.empty());
    Door::send(near, {&byte, 1});
    door.settle();
  }
  door.run_until(1);
  REQUIRE(door.peeked.size() == 1);
  CHECK(door.peeked[0].name == "w3-1f.edge.example");
  CHECK(door.low_water() == 1);
  CHECK(door.rest() == kHello);
}

TEST_CASE("a ClientHello of 16 KiB is seen whole, and a longer one is refused by its first bytes",
          "[uv][tls]") {
  Door door;
  const std::string longest = hello_for("edge.example", limits::kClientHelloBytesMax);
  const UniqueFd near = door.connect(longest.substr(0, 100));
  door.settle();
  CHECK(door.peeks.waiting() == 1);
  Door::send(near, longest.substr(100));
  door.run_until(1);
  REQUIRE(door.peeked.size() == 1);
  CHECK(door.peeked[0].name == "edge.example");
  CHECK(door.rest().size() == longest.size());
  const UniqueFd longer =
      door.connect(hello_for("edge.example", limits::kClientHelloBytesMax + 1).substr(0, 100));
  CHECK(Door::is_closed(longer));
}

TEST_CASE("what is no TLS, or ends within its ClientHello, is closed", "[uv][tls]") {
  Door door;
  CHECK(Door::is_closed(door.connect("GET / HTTP/1.1\r\n\r\n")));
  CHECK(
      Door::is_closed(door.connect("\x16\x03\x01\x02 garbage that goes on for long enough to be "
                                   "looked at as a record")));
  CHECK(door.peeks.refused() == 2);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5}, kHello.size() - 1}) {
    CAPTURE(size);
    const UniqueFd half = door.connect(kHello.substr(0, size));
    door.settle();
    CHECK(door.peeks.waiting() == 1);
    ::shutdown(half.get(), SHUT_WR);
    const uint64_t refused = door.peeks.refused();
    while (door.peeks.refused() == refused) REQUIRE(door.loop.run_once());
    CHECK(Door::is_closed(half));
  }
  CHECK(door.peeked.empty());
  CHECK(door.peeks.waiting() == 0);
}

TEST_CASE("a connection that is reset while it is looked at is closed", "[uv][tls]") {
  Door door;
  UniqueFd half = door.connect(kHello.substr(0, 20));
  door.settle();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(half.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  half.reset();
  door.run_until(1);
  CHECK(door.peeks.refused() == 1);
}

TEST_CASE("a client that ends its side right behind its ClientHello is passed on", "[uv][tls]") {
  Door door;
  const UniqueFd near = door.connect(kHello.substr(0, 60));
  door.settle();
  Door::send(near, kHello.substr(60));
  ::shutdown(near.get(), SHUT_WR);
  door.run_until(1);
  CHECK(door.peeked.size() == 1);
}

TEST_CASE("a thousand half ClientHellos cost nothing while they wait, and others are served",
          "[uv][tls]") {
  constexpr size_t kHalves = 1'000;
  // Both ends of each are here.
  if (raise_descriptor_limit() < 3 * limits::kClientHellosAwaitedMax) {
    return test::skip("too few descriptors are allowed");
  }
  Door door;
  std::vector<UniqueFd> halves;
  for (size_t i = 0; i < kHalves; ++i) {
    halves.push_back(door.connect(kHello.substr(0, 1 + i % (kHello.size() - 1))));
  }
  door.settle();
  REQUIRE(door.peeks.waiting() == kHalves);
  const uint64_t cpu_us = cpu_time_us();
  CHECK(door.turns_in(300) < 20);
  CHECK(cpu_time_us() - cpu_us < 100'000);
  const UniqueFd whole = door.connect(kHello);
  CHECK(door.peeked.size() == 1);
  CHECK(door.peeks.refused() == 0);
  Door::send(halves[500], kHello.substr(1 + 500 % (kHello.size() - 1)));
  door.run_until(2);
  CHECK(door.peeked.size() == 2);
}

TEST_CASE("so many connections wait for their ClientHello, and the oldest makes way", "[uv][tls]") {
  if (raise_descriptor_limit() < 3 * limits::kClientHellosAwaitedMax) {
    return test::skip("too few descriptors are allowed");
  }
  Door door;
  const UniqueFd oldest = door.connect(kHello.substr(0, 40));
  std::vector<UniqueFd> others;
  for (size_t i = 1; i < limits::kClientHellosAwaitedMax; ++i) others.push_back(door.connect(""));
  CHECK(door.peeks.refused() == 0);
  const UniqueFd last = door.connect(kHello);
  CHECK(Door::is_closed(oldest));
  CHECK(door.peeked.size() == 1);
  CHECK(door.peeks.refused() == 1);
  CHECK(door.peeks.waiting() == limits::kClientHellosAwaitedMax - 1);
}

}  // namespace daphnis::uv
