#include "common/uv/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/uv/poll.h"
#include "common/uv/stream.h"

namespace daphnis::uv {

TEST_CASE("a timer may destroy itself in its own callback and the loop closes empty") {
  Loop loop;
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(loop, [&] {
    ++fired;
    timer.reset();
  });
  timer->start(0, 1);
  loop.run();
  CHECK(fired == 1);
}

TEST_CASE("a stream may be destroyed in its read callback with megabytes still unsent") {
  Loop loop;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd peer(ends[1]);
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), raw);
  REQUIRE(uv_tcp_open(raw, ends[0]) == 0);
  std::unique_ptr<Stream> stream;
  bool was_read = false;
  stream = std::make_unique<Stream>(
      UvPtr<uv_tcp_t>(raw), Stream::Events{.on_bytes =
                                               [&](Bytes) {
                                                 was_read = true;
                                                 stream.reset();
                                               },
                                           .on_end = [](const std::string&) {},
                                           .on_drained = [] { FAIL("nobody drains this"); }});
  stream->write(std::string(8 << 20, 'x'));
  stream->start();
  REQUIRE(::write(peer.get(), "y", 1) == 1);
  loop.run();
  CHECK(was_read);
}

TEST_CASE("a poll may be destroyed in its callback and its descriptor is closed") {
  Loop loop;
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd peer(ends[1]);
  std::unique_ptr<Poll> poll;
  poll = std::make_unique<Poll>(loop, UniqueFd(ends[0]), [&](int) { poll.reset(); });
  poll->want(UV_WRITABLE);
  loop.run();
  CHECK_FALSE(poll);
  char byte = 0;
  CHECK(::read(peer.get(), &byte, 1) == 0);
}

TEST_CASE("a connector reports a refused connection once and one that is dropped reports nothing") {
  Loop loop;
  auto closed_port = listen_tcp({"127.0.0.1", 0}, PortSharing::kExclusive, 1);
  REQUIRE(closed_port);
  const uint16_t port = bound_port(closed_port->get());
  closed_port->reset();
  int reports = 0;
  TcpConnector refused(loop, {"127.0.0.1", port}, [&](auto result) {
    ++reports;
    CHECK_FALSE(result);
  });
  {
    TcpConnector dropped(loop, {"127.0.0.1", port}, [&](auto) { FAIL("dropped"); });
  }
  IpcConnector nowhere(loop, "/nonexistent/socket", [&](auto result) {
    ++reports;
    CHECK_FALSE(result);
  });
  loop.run();
  CHECK(reports == 2);
}

TEST_CASE("what waits for the next poll comes behind all input that was there before") {
  Loop loop;
  int first[2];
  int second[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, first) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, second) == 0);
  UniqueFd to_first(first[1]);
  UniqueFd to_second(second[1]);
  std::vector<std::string> happened;
  AfterNextPoll after(loop, [&] { happened.emplace_back("after"); });
  Timer never(loop, [] {});
  never.start(3'600'000);  // The poll would wait for it.
  std::unique_ptr<Poll> polls[2];
  polls[1] = std::make_unique<Poll>(loop, UniqueFd(second[0]), [&](int) {
    happened.emplace_back("second");
    polls[1].reset();
  });
  polls[1]->want(UV_READABLE);
  polls[0] = std::make_unique<Poll>(loop, UniqueFd(first[0]), [&](int) {
    happened.emplace_back("first");
    // It comes while the first one's input is dealt with.
    CHECK(::write(to_second.get(), "x", 1) == 1);
    after.start();
    after.start();
    polls[0].reset();
  });
  polls[0]->want(UV_READABLE);
  REQUIRE(::write(to_first.get(), "x", 1) == 1);
  for (int turns = 0; turns < 10 && happened.size() < 3; ++turns) {
    uv_run(loop.raw(), UV_RUN_ONCE);
  }
  CHECK(happened == std::vector<std::string>{"first", "second", "after"});
  uv_run(loop.raw(), UV_RUN_NOWAIT);
  CHECK(happened.size() == 3);
}

TEST_CASE("addresses are read and refused with a sentence") {
  CHECK(parse_address("127.0.0.1:80")->text() == "127.0.0.1:80");
  CHECK(parse_address("[::1]:8080")->text() == "[::1]:8080");
  CHECK(parse_address("[::]:8080")->text() == "[::]:8080");
  CHECK(parse_address(":9")->host == "::");
  CHECK(parse_address("localhost:80")->host == "127.0.0.1");
  CHECK(parse_address("edge-1.example.org:80")->text() == "edge-1.example.org:80");
  for (const auto* text :
       {"", "80", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:8x", "::1:80", "[127.0.0.1]:80",
        "[::1:80", "[]:80", "[host]:80", "300.1.1.1:80", "1.2.3:80", "a b:80", "host/:80", "-:x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text));
  }
}

TEST_CASE("a name is listened on at its address, and every address where none is named") {
  for (const Address& address : {Address{"localhost", 0}, *parse_address(":0")}) {
    CAPTURE(address.host);
    const auto listener = listen_tcp(address, PortSharing::kExclusive, 1);
    REQUIRE(listener);
    CHECK(bound_port(listener->get()) != 0);
  }
  const auto nowhere = listen_tcp({"no-such-host.invalid", 0}, PortSharing::kExclusive, 1);
  REQUIRE_FALSE(nowhere);
  CHECK_THAT(nowhere.error().text(), Catch::Contains("cannot resolve no-such-host.invalid"));
}

}  // namespace daphnis::uv
