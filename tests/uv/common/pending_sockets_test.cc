#include "common/uv/pending/pending_sockets.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace daphnis::uv {
namespace {

using Pending = PendingSockets<std::string>;

/// Sockets of which two may be pending at once, and what becomes of them.
struct Door {
  explicit Door(uint64_t time_ms = 60'000, uint64_t log_every_ms = 60'000) {
    REQUIRE(::pipe(log_pipe.data()) == 0);
    log = std::make_unique<Log>("test", log_pipe[1]);
    pending = std::make_unique<Pending>(
        loop, *log,
        PendingRules{.sockets_max = 2,
                     .time_ms = time_ms,
                     .too_many = "too many",
                     .too_late = "too late",
                     .log_line = LogLine("turned_away").add("for", "guests"),
                     .log_count_key = "away",
                     .log_every_ms = log_every_ms},
        Pending::Events{
            .on_ready = [this](Pending::Place place, int) { ready.push_back(place->progress); },
            .on_refused = [this](Pending::Place place) { refused.push_back(place->progress); }});
  }
  ~Door() {
    pending.reset();
    log.reset();
    for (const int end : log_pipe) ::close(end);
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// Adds one end of a connection under that name; returns its place and the other end.
  std::pair<Pending::Place, UniqueFd> add(const std::string& name) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {pending->add(UniqueFd(ends[0]), "192.0.2.1", name), UniqueFd(ends[1])};
  }
  /// True where the end that was added was closed.
  static bool is_closed(const UniqueFd& other) {
    char byte = 0;
    return ::recv(other.get(), &byte, 1, 0) == 0;
  }
  /// What was logged since the last call, which must not be nothing.
  std::string logged() const {
    std::string text(4'096, '\0');
    const ssize_t size = ::read(log_pipe[0], text.data(), text.size());
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text;
  }

  Loop loop;
  std::array<int, 2> log_pipe{};
  std::unique_ptr<Log> log;
  std::vector<std::string> ready;
  std::vector<std::string> refused;
  std::unique_ptr<Pending> pending;
};

}  // namespace

TEST_CASE("a pending socket is watched, and given away with what has come of it", "[uv][pending]") {
  Door door;
  auto [place, other] = door.add("first");
  place->poll->want(UV_READABLE);
  REQUIRE(::write(other.get(), "x", 1) == 1);
  REQUIRE(door.loop.run_once());
  CHECK(door.ready == std::vector<std::string>{"first"});
  place->progress += " and more";
  const Pending::Taken taken = door.pending->take(place);
  CHECK(taken.address == "192.0.2.1");
  CHECK(taken.progress == "first and more");
  CHECK(door.pending->size() == 0);
  CHECK(door.pending->refusals().count() == 0);
  CHECK(::write(taken.fd.get(), "y", 1) == 1);
}

TEST_CASE("of more pending sockets than may be the oldest is closed", "[uv][pending]") {
  Door door;
  const auto oldest = door.add("oldest");
  const auto second = door.add("second");
  CHECK(door.refused.empty());
  const auto last = door.add("last");
  CHECK(door.refused == std::vector<std::string>{"oldest"});
  CHECK(Door::is_closed(oldest.second));
  CHECK_FALSE(Door::is_closed(second.second));
  CHECK(door.pending->size() == 2);
  CHECK(door.logged().find("event=turned_away for=guests from=192.0.2.1 why=\"too many\" away=1") !=
        std::string::npos);
}

TEST_CASE("a socket that is pending for too long is closed, and one that was taken is not",
          "[uv][pending]") {
  Door door(/*time_ms=*/20);
  const auto taken = door.add("taken");
  const Pending::Taken kept = door.pending->take(taken.first);
  const auto late = door.add("late");
  while (door.pending->size() > 0) REQUIRE(door.loop.run_once());
  CHECK(door.refused == std::vector<std::string>{"late"});
  CHECK(Door::is_closed(late.second));
  CHECK_FALSE(Door::is_closed(taken.second));
  CHECK(door.logged().find("why=\"too late\"") != std::string::npos);
}

TEST_CASE("each refusal is counted, and a line is logged once in a while", "[uv][pending]") {
  Door door(/*time_ms=*/60'000, /*log_every_ms=*/20);
  for (const char* why : {"one", "two", "three"}) {
    door.pending->refuse(door.add("").first, why);
  }
  CHECK(door.pending->refusals().count() == 3);
  const std::string first = door.logged();
  CHECK(std::ranges::count(first, '\n') == 1);
  CHECK(first.find("why=one") != std::string::npos);
  Timer timer(door.loop, [] {});
  timer.start(20);
  while (timer.is_active()) REQUIRE(door.loop.run_once());
  door.pending->refusals().add("192.0.2.9", "four");
  CHECK(door.logged().find("from=192.0.2.9 why=four away=4") != std::string::npos);
}

}  // namespace daphnis::uv
