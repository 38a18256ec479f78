// Tests of look-ups in the cache that come to nothing, though the file may be there.

#include "tests/unit/worker/memory_cache.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

/// A worker with an empty cache, a client that has asked for a CAR, and the question that went out
/// for it. From then on the disk is slow.
struct Asked : Rig {
  Asked() : client(connect()) {
    worker.set_cache_reads(cache);
    start_broker("/cache");
    send(client, get(car));
    fetch = only<ipc::Fetch>();
    cache.is_cold = true;
  }
  void tell_cached() { tell(ipc::JoinProgress{fetch.fetch_id, ipc::JoinState::kCached, 0, ""}); }
  /// As many clients as look-ups may be under way ask for CARs of their own.
  void fill_look_ups() {
    while (cache.looks_waiting.size() < limits::kCacheLooksMax) {
      const SampleCar other(cache.looks_waiting.size() + 1);
      send(connect(), get(other));
    }
  }
  /// The fetch is not told of a file, and asks an L2 instead.
  void get_from_l2() {
    const auto anew = only<ipc::Fetch>();
    CHECK(anew.request.root == car.root);
    CHECK(anew.must_not_join);
    hand_off(anew, post_with_length(car.bytes));
    CHECK(dechunked(client.received) == text(car.bytes));
  }

  MemoryCache cache;
  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace

TEST_CASE("a file that the broker knows is reported missing where the folder lacks it",
          "[worker]") {
  Asked rig;
  rig.tell_cached();
  rig.finish_looks(rig.cache);
  CHECK(rig.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kMissing);
  rig.get_from_l2();
}

TEST_CASE("a file that could not be looked up is not reported missing", "[worker]") {
  Asked rig;
  SECTION("since too many are looked up") {
    rig.fill_look_ups();
    rig.tell_cached();
  }
  SECTION("since the disk is slow") {
    rig.tell_cached();
    rig.pass_time(limits::kCacheLookMs);
  }
  SECTION("since the broker has unlinked it meanwhile") {
    rig.tell_cached();
    rig.tell(ipc::Unlink{.deferred_free = 5, .keys = {rig.fetch.key}, .paths = {}});
    rig.finish_looks(rig.cache);
  }
  CHECK(rig.sent<ipc::CacheFault>().empty());
  rig.get_from_l2();
}

TEST_CASE("an unfit file is reported once", "[worker]") {
  Asked rig;
  rig.cache.fail(rig.fetch.key, CacheLook::Outcome::kCorrupt);
  rig.tell_cached();
  rig.finish_looks(rig.cache);
  CHECK(rig.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kCorrupt);
  rig.get_from_l2();
}

TEST_CASE("a disk that has been waited for in vain keeps nobody else waiting", "[worker]") {
  Asked rig;
  rig.tell_cached();
  rig.pass_time(limits::kCacheLookMs);
  rig.get_from_l2();
  Peer& next = rig.connect();
  rig.send(next, get(rig.car));
  rig.pass_time(limits::kCacheLookMs);  // For the other file that could hold it.
  rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(rig.car.bytes));
  CHECK(dechunked(next.received) == text(rig.car.bytes));
}

}  // namespace daphnis::worker::test
