// Tests of how long readers wait for slower ones beside them, and who has to leave for that.

#include "tests/unit/worker/fetch/spool_rig.h"

namespace daphnis::worker::test {
namespace {

Settings with_places(size_t loners) {
  Settings settings = SpoolRig::small(9'000);
  settings.loners_max = loners;
  return settings;
}

/// A worker with so many places for readers alone. An honest client and slow ones ask for a CAR of
/// three leaves, each of which is more than a window. The slow ones have taken the root and been
/// given the first leaf; the second one fills the window.
struct Crowd : Rig {
  explicit Crowd(size_t slow_clients, size_t loners)
      : Rig(with_places(loners)), car(20'000, 0, hash::kSha2_256, 3), honest(ask()) {
    for (size_t i = 0; i < slow_clients; ++i) slow.push_back(&ask());
    start_broker("");
    l2 = &hand_off(only<ipc::Fetch>(), post_head("Transfer-Encoding: chunked\r\n"));
    send_section(0);
    for (Peer* client : slow) client->space = 0;
    send_section(1);
    send_section(2);
  }
  Peer& ask() {
    Peer& client = connect();
    send(client, get(car));
    return client;
  }
  void send_section(size_t i) {
    const size_t from = i == 0 ? 0 : car.section_ends[i - 1];
    send(*l2, chunk(Bytes(car.bytes).subspan(from, car.section_ends[i] - from)));
  }
  /// The L2 sends the last leaf and ends.
  void finish() {
    send_section(3);
    send(*l2, "0\r\n\r\n");
  }
  [[nodiscard]] bool has_all(const Peer& client) const {
    return dechunked(client.received) == text(car.bytes);
  }

  SampleCar car;
  Peer& honest;
  std::vector<Peer*> slow;
  Peer* l2 = nullptr;
};

}  // namespace

TEST_CASE("a reader is behind only from when others wait for it", "[slow]") {
  SpoolRig rig(20'000, 9'000, 3);
  Peer& other = rig.connect();
  rig.send(other, get(rig.car));
  rig.first.space = other.space = 0;
  Peer& l2 = rig.stream_slowly();
  rig.grant_reservation();
  rig.disk.run(rig);
  rig.disk.write_error = ENOSPC;  // From here on the window has to do.
  rig.send(l2, chunk(Bytes(rig.car.bytes)
                         .subspan(rig.car.section_ends[1],
                                  rig.car.section_ends[2] - rig.car.section_ends[1])));
  rig.disk.run(rig);
  rig.pass_time(2 * Settings().loner_after_ms);
  rig.give_space(rig.first, SIZE_MAX);
  rig.pass_time(Settings().loner_after_ms - 1);
  CHECK(rig.worker.stats().readers_left == 0);
  SECTION("one that comes along meanwhile stays") {
    rig.give_space(other, SIZE_MAX);
    rig.pass_time(1);
    CHECK(rig.worker.stats().readers_left == 0);
    rig.finish(l2, 3);
    CHECK(dechunked(other.received) == rig.body());
  }
  SECTION("one that takes nothing leaves") {
    rig.pass_time(1);
    CHECK(rig.worker.stats().readers_left == 1);
    rig.finish(l2, 3);
  }
  CHECK(dechunked(rig.first.received) == rig.body());
}

TEST_CASE("without a place for readers alone, only who takes next to nothing is cut", "[slow]") {
  Crowd rig(1, 0);
  Peer& slow = *rig.slow[0];
  const uint64_t loner_after_ms = Settings().loner_after_ms;
  rig.pass_time(loner_after_ms - 1);
  CHECK(rig.worker.stats().readers_cut == 0);
  SECTION("one that takes less than a window") {
    rig.give_space(slow, GENERATE(0, 8'000));
    rig.pass_time(1);
    CHECK(rig.worker.stats().readers_cut == 1);
  }
  SECTION("one that takes as much as a window, but no more after that") {
    rig.give_space(slow, 10'000);
    rig.pass_time(loner_after_ms);
    CHECK(rig.worker.stats().readers_cut == 0);
    rig.pass_time(1);
    CHECK(rig.worker.stats().readers_cut == 1);
  }
  SECTION("but not one that goes on") {
    rig.give_space(slow, 10'000);
    rig.pass_time(loner_after_ms);
    rig.give_space(slow, SIZE_MAX);
    rig.pass_time(1);
    rig.finish();
    CHECK(rig.has_all(slow));
    CHECK(rig.has_all(rig.honest));
    return;
  }
  rig.finish();
  CHECK(rig.has_all(rig.honest));
}

TEST_CASE("the places for readers alone go to the slowest", "[slow]") {
  Crowd rig(2, 1);
  rig.give_space(*rig.slow[0], 10'000);
  rig.pass_time(Settings().loner_after_ms);
  CHECK(rig.worker.stats().readers_left == 1);
  CHECK(rig.worker.stats().readers_cut == 0);
  rig.give_space(*rig.slow[0], SIZE_MAX);
  rig.finish();
  CHECK(rig.has_all(rig.honest));
  CHECK(rig.has_all(*rig.slow[0]));
  CHECK(rig.worker.stats().loners == 1);
}

}  // namespace daphnis::worker::test
