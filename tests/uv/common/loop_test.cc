#include "common/uv/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/uv/fd.h"
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

namespace {

/// Takes one byte, once, and then calls `on_byte`.
class Input {
 public:
  Input(Loop& loop, std::function<void()> on_byte) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    peer_ = UniqueFd(ends[1]);
    poll_ =
        std::make_unique<Poll>(loop, UniqueFd(ends[0]), [this, on_byte = std::move(on_byte)](int) {
          poll_->want(0);
          on_byte();
        });
    poll_->want(UV_READABLE);
  }
  void send() { CHECK(::write(peer_.get(), "x", 1) == 1); }

 private:
  UniqueFd peer_;
  std::unique_ptr<Poll> poll_;
};

}  // namespace

TEST_CASE("what waits for the next poll comes behind all input that was there before") {
  Loop loop;
  std::vector<std::string> happened;
  AfterNextPoll after(
      loop, [&](size_t starts) { happened.push_back("after " + std::to_string(starts)); });
  Timer never(loop, [] {});
  never.start(3'600'000);  // The poll would wait for it.
  Input third(loop, [&] { happened.emplace_back("third"); });
  Input second(loop, [&] {
    happened.emplace_back("second");
    // This one begins to wait in the poll that the first ones wait for, which may have looked at
    // the third input before.
    after.start();
    third.send();
  });
  Input first(loop, [&] {
    happened.emplace_back("first");
    // It comes while the first one's input is dealt with.
    second.send();
    after.start();
    after.start();
  });
  first.send();
  for (int turns = 0; turns < 10 && happened.size() < 5; ++turns) {
    uv_run(loop.raw(), UV_RUN_ONCE);
  }
  CHECK(happened == std::vector<std::string>{"first", "second", "after 2", "third", "after 1"});
  uv_run(loop.raw(), UV_RUN_NOWAIT);
  CHECK(happened.size() == 5);
}

TEST_CASE("what no longer waits for the next poll is not called back") {
  Loop loop;
  std::vector<size_t> calls;
  Timer never(loop, [] {});
  never.start(3'600'000);  // Without it the loop would not run.
  AfterNextPoll after(loop, [&](size_t starts) { calls.push_back(starts); });
  after.start();
  after.start();
  after.stop();
  for (int turns = 0; turns < 3; ++turns) uv_run(loop.raw(), UV_RUN_NOWAIT);
  CHECK(calls.empty());
  after.start();
  for (int turns = 0; turns < 3; ++turns) uv_run(loop.raw(), UV_RUN_NOWAIT);
  CHECK(calls == std::vector<size_t>{1});
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

TEST_CASE("a process that computes is busy, whether or not it has a processor", "[loop]") {
  using Clock = std::chrono::steady_clock;
  const uint64_t before_us = busy_time_us();
  const auto begun = Clock::now();
  while (Clock::now() < begun + std::chrono::milliseconds(200)) {
  }
  // The kernel counts what a process has run at its ticks, 10 ms apart at most.
  CHECK(busy_time_us() - before_us >= 180'000);
}

}  // namespace daphnis::uv
