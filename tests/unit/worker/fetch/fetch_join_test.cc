// Tests of several clients of one fetch.

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

Settings with_window(size_t bytes, size_t high_bytes = 1'000) {
  Settings settings;
  settings.output_high_bytes = high_bytes;
  settings.fetch_window_bytes = bytes;
  return settings;
}

/// A rig with a broker and one client that has asked for a CAR of two leaves.
struct Joining : Rig {
  explicit Joining(Settings settings = {}) : Rig(settings), car(4'000), first(ask()) {
    start_broker();
    fetch = only<ipc::Fetch>();
  }
  Peer& ask(std::string_view method = "GET") {
    Peer& client = connect();
    send(client, std::string(method) + " " + car.target() + " HTTP/1.1\r\nHost: edge\r\n\r\n");
    return client;
  }
  Peer& stream(size_t sections) {
    return hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n") +
                               chunk(Bytes(car.bytes).first(car.section_ends[sections - 1])));
  }
  void finish(Peer& l2, size_t after_sections) {
    const Bytes rest = Bytes(car.bytes).subspan(car.section_ends[after_sections - 1]);
    send(l2, (rest.empty() ? "" : chunk(rest)) + "0\r\n\r\n");
  }

  SampleCar car;
  Peer& first;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("those who ask for what is being fetched join the fetch", "[worker][join]") {
  Joining rig;
  Peer& second = rig.ask();
  Peer& l2 = rig.stream(2);
  Peer& late = rig.ask();
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.finish(l2, 2);
  for (const Peer* client : {&rig.first, &second, &late}) {
    CHECK(dechunked(client->received) == text(rig.car.bytes));
  }
  CHECK_THAT(rig.first.received, Contains("X-Cache: MISS"));
  CHECK_THAT(second.received, Contains("X-Cache: FETCHING"));
  CHECK_THAT(late.received, Contains("Saturn-Cache-Status: FETCHING"));
  REQUIRE(rig.lines.size() == 3);
  CHECK_THAT(rig.lines[1] + rig.lines[2], Contains("cache=FETCHING") && !Contains("cache=MISS"));
  CHECK(rig.worker.stats().joins == 2);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("one that leaves disturbs nobody and the last one ends the fetch", "[worker][join]") {
  Joining rig;
  Peer& second = rig.ask();
  Peer& l2 = rig.stream(1);
  rig.lose(rig.first);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  SECTION("it goes on") {
    rig.finish(l2, 1);
    CHECK(dechunked(second.received) == text(rig.car.bytes));
  }
  SECTION("it ends") {
    rig.lose(second);
    CHECK(rig.only<ipc::CancelFetch>().fetch_id == rig.fetch.fetch_id);
    CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kCancelled);
    CHECK(rig.worker.stats().fetches == 0);
    rig.ask();
    CHECK(rig.only<ipc::Fetch>().fetch_id != rig.fetch.fetch_id);
  }
}

TEST_CASE("a failure is told to each reader as far as it has come", "[worker][join]") {
  Joining rig;
  Peer& second = rig.ask();
  SECTION("before the first byte") {
    rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .attempts = 1});
    CHECK(status_line(rig.first.received) == "HTTP/1.1 404 Not Found");
    CHECK(status_line(second.received) == "HTTP/1.1 404 Not Found");
  }
  SECTION("in mid-answer") {
    Peer& l2 = rig.stream(1);
    rig.lose(l2);
    rig.tell(ipc::FetchFailed{.fetch_id = rig.fetch.fetch_id, .attempts = 1});
    for (const Peer* client : {&rig.first, &second}) {
      CHECK(client->ending == Ending::kClose);
      CHECK_THAT(client->received, !Contains("\r\n0\r\n\r\n"));
    }
  }
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("who comes when the beginning is gone begins a fetch of its own", "[worker][join]") {
  Joining rig(with_window(3'000));
  Peer& l2 = rig.stream(2);
  Peer& late = rig.ask();
  const auto own = rig.only<ipc::Fetch>();
  CHECK(own.fetch_id != rig.fetch.fetch_id);
  rig.finish(l2, 2);
  CHECK(dechunked(rig.first.received) == text(rig.car.bytes));
  rig.hand_off(own, post_with_length(rig.car.bytes));
  CHECK(dechunked(late.received) == text(rig.car.bytes));
}

TEST_CASE("without spools the slowest reader stops the stream at the window's bound",
          "[worker][join]") {
  Joining rig(with_window(4'000, 100));
  rig.first.space = 0;
  Peer& fast = rig.ask();
  Peer& l2 = rig.stream(1);
  CHECK(l2.connection->wants_input());  // The slow client's queue took it.
  const size_t size = rig.car.section_ends[1] - rig.car.section_ends[0];
  rig.send(l2, chunk(Bytes(rig.car.bytes).subspan(rig.car.section_ends[0], size)));
  CHECK(!l2.connection->wants_input());
  CHECK_THAT(fast.received, Contains("aaa"));
  rig.lose(rig.first);
  CHECK(l2.connection->wants_input());
  rig.finish(l2, 2);
  CHECK(dechunked(fast.received) == text(rig.car.bytes));
}

TEST_CASE("clients that only ask for the head share a fetch of the root block", "[worker][join]") {
  Joining rig;
  Peer& one = rig.ask("HEAD");
  Peer& two = rig.ask("HEAD");
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.request.scope == DagScope::kBlock);
  rig.hand_off(fetch, post_with_length(Bytes(rig.car.bytes).first(rig.car.section_ends[0])));
  CHECK(status_line(one.received) == "HTTP/1.1 200 OK");
  CHECK(status_line(two.received) == "HTTP/1.1 200 OK");
  CHECK_THAT(two.received, Contains("X-Cache: FETCHING"));
}

}  // namespace daphnis::worker::test
