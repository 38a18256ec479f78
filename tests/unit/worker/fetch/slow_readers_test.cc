// Tests of readers that take too little: no other client and no L2 waits for them.

#include "tests/unit/worker/fetch/spool_rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

Settings small_settings() {
  Settings settings = SpoolRig::small(9'000);
  settings.loners_per_address = 2;
  return settings;
}

/// A worker without folders for spools. An honest client and `slow` clients that take nothing ask
/// for one CAR, whose L2 has sent all but the last leaf: far more than a window.
struct Crowd : Rig {
  explicit Crowd(size_t slow_clients, StreamShape shape = StreamShape::kExact,
                 Settings settings = small_settings())
      : Rig(settings), car(20'000), honest(connect()) {
    worker.set_cache_reads(cache);
    start_broker("");
    send(honest, get(car));
    for (size_t i = 0; i < slow_clients; ++i) {
      slow.push_back(&connect());
      slow.back()->space = 0;
      send(*slow.back(), get(car));
    }
    fetch = only<ipc::Fetch>();
    l2 = &hand_off(fetch,
                   post_head("Transfer-Encoding: chunked\r\n") +
                       chunk(Bytes(car.bytes).first(car.section_ends[0])),
                   shape);
    send(*l2, chunk(Bytes(car.bytes).subspan(car.section_ends[0],
                                             car.section_ends[1] - car.section_ends[0])));
  }
  /// The L2 sends the last leaf and ends.
  void finish() { send(*l2, chunk(rest()) + "0\r\n\r\n"); }
  [[nodiscard]] Bytes rest() const { return Bytes(car.bytes).subspan(car.section_ends[1]); }
  /// A whole POST that leaves out the blocks of the first two sections.
  [[nodiscard]] std::string post_of_rest() const {
    const std::string body = text(Bytes(car.bytes).first(1 + car.bytes[0])) + text(rest());
    return post_head("Daphnis-Skip: 2\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
           body;
  }
  [[nodiscard]] bool has_all(const Peer& client) const {
    return dechunked(client.received) == text(car.bytes);
  }

  MemoryCache cache;
  SampleCar car;
  Peer& honest;
  std::vector<Peer*> slow;
  ipc::Fetch fetch;
  Peer* l2 = nullptr;
};

/// A Crowd whose slow client has gone on alone and whose honest one is done.
struct Loner : Crowd {
  explicit Loner(StreamShape shape = StreamShape::kExact) : Crowd(1, shape) {
    pass_time(Settings().loner_after_ms);
    finish();
    messages.clear();
  }
  /// The loner's client takes all there is; what the worker asks for it then.
  ipc::Fetch ask() {
    give_space(*slow[0], SIZE_MAX);
    pass_time(0);
    return only<ipc::Fetch>();
  }
};

}  // namespace

TEST_CASE("a reader that others wait for goes on alone after a while", "[slow]") {
  Crowd rig(1);
  CHECK(!rig.l2->connection->wants_input());
  rig.pass_time(Settings().loner_after_ms - 1);
  CHECK(!rig.l2->connection->wants_input());
  rig.pass_time(1);
  CHECK(rig.l2->connection->wants_input());
  rig.finish();
  CHECK(rig.has_all(rig.honest));
  const auto stats = rig.worker.stats();
  CHECK(stats.readers_left == 1);
  CHECK(stats.loners == 1);
  CHECK(stats.fetches == 1);
  CHECK(stats.readers_cut == 0);
}

TEST_CASE("a reader that goes on alone asks for what it lacks once it wants more", "[slow]") {
  Loner rig;
  rig.pass_time(3'600'000);
  CHECK(rig.sent<ipc::Fetch>().empty());
  const auto fetch = rig.ask();
  CHECK(fetch.is_alone);
  CHECK_FALSE(fetch.must_not_join);
  CHECK(fetch.resume.skip == 2);
  CHECK(fetch.fetch_id != rig.fetch.fetch_id);
  rig.hand_off(fetch, rig.post_of_rest());
  CHECK(rig.has_all(*rig.slow[0]));
  CHECK(rig.worker.stats().loners == 0);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a reader alone goes on with an L2 that sends everything", "[slow]") {
  Loner rig;
  const auto fetch = rig.ask();
  rig.hand_off(fetch, post_with_length(rig.car.bytes),
               GENERATE(StreamShape::kExact, StreamShape::kWholeDag));
  CHECK(rig.has_all(*rig.slow[0]));
}

TEST_CASE("a reader alone goes over to the cached file", "[slow]") {
  Loner rig;
  rig.worker.set_cache_reads(rig.cache);
  rig.stop_broker();
  rig.start_broker("/cache");
  const auto fetch = rig.ask();
  const bool is_small = GENERATE(true, false);
  rig.cache.store(fetch.request, text(rig.car.bytes), {}, is_small);
  rig.tell(ipc::JoinProgress{fetch.fetch_id, ipc::JoinState::kCached, 0, ""});
  CHECK(rig.has_all(*rig.slow[0]));
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a reader alone for which the cache has nothing after all asks an L2", "[slow]") {
  Loner rig;
  rig.stop_broker();
  rig.start_broker("/cache");
  rig.tell(ipc::JoinProgress{rig.ask().fetch_id, ipc::JoinState::kCached, 0, ""});
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.must_not_join);
  CHECK(fetch.is_alone);
  rig.hand_off(fetch, rig.post_of_rest());
  CHECK(rig.has_all(*rig.slow[0]));
}

TEST_CASE("a reader alone is joined by nobody", "[slow]") {
  Loner rig;
  Peer& other = rig.connect();
  rig.send(other, get(rig.car));
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK_FALSE(fetch.is_alone);
  rig.hand_off(fetch, post_with_length(rig.car.bytes));
  CHECK(rig.has_all(other));
  CHECK(rig.worker.stats().loners == 1);
}

TEST_CASE("a reader alone that leaves is forgotten", "[slow]") {
  Loner rig;
  rig.lose(*rig.slow[0]);
  CHECK(rig.sent<ipc::CancelFetch>().empty());
  CHECK(rig.worker.stats().loners == 0);
  CHECK(rig.worker.stats().fetches == 0);
  CHECK(rig.sent<ipc::Fetch>().empty());
}

TEST_CASE("a reader alone whose next L2 is lost is carried on by another", "[slow]") {
  Loner rig;
  const auto fetch = rig.ask();
  Peer& l2 = rig.hand_off(fetch, rig.post_of_rest().substr(0, 1'000));
  rig.lose(l2);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.wants_another);
  CHECK(ended.resume.skip == 2);
  rig.hand_off(fetch, rig.post_of_rest());
  CHECK(rig.has_all(*rig.slow[0]));
}

TEST_CASE("a reader alone that is refused for now asks again", "[slow]") {
  Loner rig;
  const auto first = rig.ask();
  const Outcome why =
      GENERATE(Outcome::kOverloaded, Outcome::kNotFound, Outcome::kSilent, Outcome::kNoL2);
  rig.tell(ipc::FetchFailed{.fetch_id = first.fetch_id, .reason = why});
  rig.pass_time(1'000);
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.resume == first.resume);
  SECTION("and goes on") {
    rig.hand_off(fetch, rig.post_of_rest());
    CHECK(rig.has_all(*rig.slow[0]));
  }
  SECTION("but not for ever") {
    for (uint64_t ms = 0; ms < Settings().request_ms; ms += 500) {
      for (const auto& again : rig.sent<ipc::Fetch>()) {
        rig.tell(ipc::FetchFailed{.fetch_id = again.fetch_id, .reason = why});
      }
      rig.pass_time(500);
    }
    CHECK(rig.slow[0]->ending == Ending::kClose);
    CHECK(rig.worker.stats().fetches == 0);
  }
}

TEST_CASE("of one address only so many readers go on alone", "[slow]") {
  Crowd rig(3);
  rig.pass_time(Settings().loner_after_ms);
  rig.finish();
  CHECK(rig.has_all(rig.honest));
  const auto stats = rig.worker.stats();
  CHECK(stats.readers_left == 2);
  CHECK(stats.readers_cut == 1);
  size_t refused = 0;
  for (Peer* client : rig.slow) {
    rig.give_space(*client, SIZE_MAX);
    refused += status_line(client->received) == "HTTP/1.1 503 Service Unavailable" ? 1 : 0;
  }
  CHECK(refused == 1);
}

TEST_CASE("of all addresses only so many readers go on alone", "[slow]") {
  Settings settings = small_settings();
  settings.loners_max = 1;
  Crowd rig(3, StreamShape::kExact, settings);
  rig.pass_time(Settings().loner_after_ms);
  CHECK(rig.worker.stats().readers_left == 1);
  CHECK(rig.worker.stats().readers_cut == 2);
}

TEST_CASE("who is cut for others before its answer has begun is told why", "[slow]") {
  Settings settings = small_settings();
  settings.loners_max = 0;
  Crowd rig(1, StreamShape::kExact, settings);
  rig.pass_time(Settings().loner_after_ms);
  rig.give_space(*rig.slow[0], SIZE_MAX);
  CHECK(status_line(rig.slow[0]->received) == "HTTP/1.1 503 Service Unavailable");
  CHECK_THAT(rig.slow[0]->received, Contains("client_slow"));
}

TEST_CASE("readers whose output is taken back are behind nobody", "[slow]") {
  Crowd rig(2);
  rig.lose(rig.honest);
  rig.lose(*rig.l2);
  CHECK(rig.only<ipc::AttemptEnded>().resume.skip == 0);
  rig.pass_time(Settings().loner_after_ms);
  CHECK(rig.worker.stats().readers_left == 0);
  rig.hand_off(rig.fetch, post_with_length(rig.car.bytes));
  for (Peer* client : rig.slow) {
    rig.give_space(*client, SIZE_MAX);
    CHECK(rig.has_all(*client));
  }
}

TEST_CASE("readers that are all slow leave nobody, and their L2 gets its place back", "[slow]") {
  Crowd rig(2);
  rig.lose(rig.honest);
  rig.pass_time(Settings().yield_after_ms - 1);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.pass_time(1);
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kYielded);
  CHECK_FALSE(ended.wants_another);
  CHECK(status_line(rig.l2->received) == "HTTP/1.1 410 Gone");
  CHECK(rig.worker.stats().readers_left == 0);
  CHECK(rig.worker.stats().yields == 1);
  rig.pass_time(3'600'000);
  CHECK(rig.sent<ipc::Fetch>().empty());

  rig.give_space(*rig.slow[0], SIZE_MAX);
  rig.pass_time(0);
  // The other one holds the window, so it goes on alone before there is room for more.
  CHECK(rig.worker.stats().readers_left == 1);
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.fetch_id != rig.fetch.fetch_id);
  CHECK(fetch.resume.skip == 2);
  CHECK(fetch.is_alone);
  rig.hand_off(fetch, rig.post_of_rest());
  CHECK(rig.has_all(*rig.slow[0]));
  rig.give_space(*rig.slow[1], SIZE_MAX);
  rig.pass_time(0);
  rig.hand_off(rig.only<ipc::Fetch>(), rig.post_of_rest());
  CHECK(rig.has_all(*rig.slow[1]));
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("an L2 that sent what it was to leave out is not given its place back again", "[slow]") {
  const SampleCar car(20'000, 0, hash::kSha2_256, 4);
  const Settings settings = small_settings();
  Rig rig(settings);
  rig.start_broker();
  Peer& client = rig.connect();
  client.space = 0;
  rig.send(client, get(car));
  auto fetch = rig.only<ipc::Fetch>();
  // An L2 that sends the CAR block by block, up to the end of a section.
  const auto send_sections = [&](size_t end) {
    Peer& l2 = rig.hand_off(fetch, post_head("Transfer-Encoding: chunked\r\n"));
    for (size_t i = 0, from = 0; i <= end; from = car.section_ends[i++]) {
      rig.send(l2, chunk(Bytes(car.bytes).subspan(from, car.section_ends[i] - from)));
    }
  };
  send_sections(1);
  rig.pass_time(settings.yield_after_ms);
  CHECK(rig.only<ipc::AttemptEnded>().outcome == Outcome::kYielded);
  rig.give_space(client, SIZE_MAX);
  client.space = 0;
  rig.pass_time(0);
  fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.resume.skip == 2);
  send_sections(3);
  rig.pass_time(3 * settings.yield_after_ms);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.give_space(client, SIZE_MAX);
}

TEST_CASE("very slow readers of an L2 that sends everything are cut where others wait for it",
          "[slow]") {
  const StreamShape shape = GENERATE(StreamShape::kWholeDag, StreamShape::kExact);
  Settings settings = small_settings();
  settings.yield_after_ms = 1'000'000;
  Crowd rig(1, shape, settings);
  rig.lose(rig.honest);
  const ipc::PlaceWanted wanted{rig.only<ipc::HandoffTaken>().attempt_id};
  rig.pass_time(settings.slow_reader_window_ms - 1);
  rig.tell(wanted);
  CHECK(rig.slow[0]->connection);
  rig.pass_time(1);
  CHECK(rig.slow[0]->connection);
  rig.tell(wanted);
  const bool is_cut = shape == StreamShape::kWholeDag;
  CHECK(rig.sent<ipc::CancelFetch>().size() == (is_cut ? 1 : 0));
  CHECK(rig.worker.stats().readers_cut == (is_cut ? 1 : 0));
  CHECK(rig.worker.stats().fetches == (is_cut ? 0 : 1));
}

TEST_CASE("a place that is wanted costs nobody anything who takes enough", "[slow]") {
  Settings settings = small_settings();
  settings.slow_reader_rate = 100;
  Crowd rig(1, StreamShape::kWholeDag, settings);
  rig.lose(rig.honest);
  const ipc::PlaceWanted wanted{rig.only<ipc::HandoffTaken>().attempt_id};
  rig.pass_time(settings.slow_reader_window_ms - 1);
  rig.give_space(*rig.slow[0], rig.car.section_ends[1] + 1'000);
  rig.slow[0]->space = 0;
  rig.finish();
  rig.pass_time(1);
  rig.tell(wanted);
  CHECK(rig.worker.stats().readers_cut == 0);
}

TEST_CASE("a spool that waits for space while readers wait is given up soon", "[slow]") {
  SpoolRig rig;
  Peer& slow = rig.connect();
  slow.space = 0;
  rig.send(slow, get(rig.car));
  Peer& l2 = rig.stream_slowly();
  rig.only<ipc::SpoolReserve>();  // It is not replied to.
  rig.pass_time(Settings().loner_after_ms - 1);
  CHECK(rig.worker.stats().readers_left == 0);
  rig.pass_time(1);
  CHECK(rig.worker.stats().readers_left == 1);
  rig.finish(l2, 2);
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("a reader alone reads on in the file that its fetch had spooled", "[slow]") {
  SpoolRig rig(20'000, 9'000, 3);
  Peer& slow = rig.connect();
  slow.space = 0;
  rig.send(slow, get(rig.car));
  Peer& l2 = rig.stream_slowly();
  rig.grant_reservation();
  rig.disk.run(rig);
  rig.disk.write_error = ENOSPC;
  rig.send(l2, chunk(Bytes(rig.car.bytes)
                         .subspan(rig.car.section_ends[1],
                                  rig.car.section_ends[2] - rig.car.section_ends[1])));
  rig.disk.run(rig);
  rig.pass_time(Settings().loner_after_ms);
  CHECK(rig.worker.stats().readers_left == 1);
  rig.finish(l2, 3);
  CHECK(dechunked(rig.first.received) == rig.body());
  rig.disk.run(rig);
  rig.give_space(slow, SIZE_MAX);
  rig.pass_time(0);
  const auto fetch = rig.only<ipc::Fetch>();
  CHECK(fetch.resume.skip == 3);
  rig.hand_off(fetch, post_with_length(rig.car.bytes));
  CHECK(dechunked(slow.received) == rig.body());
  rig.disk.run(rig);
  CHECK(rig.only<ipc::SpoolGone>().error == ENOSPC);
}

}  // namespace daphnis::worker::test
