#include <catch2/catch.hpp>

#include "tests/unit/common/denylist/deny_list.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Contains;
using daphnis::test::ListOf;

/// A worker whose broker says what may not be served.
class DenyRig : public Rig, private DenyTables {
 public:
  explicit DenyRig(MemoryCache* cache = nullptr) {
    worker.set_deny_tables(*this);
    if (cache) worker.set_cache_reads(*cache);
    start_broker(cache ? "/cache" : "");
  }

  /// Puts a list of these lines in force.
  void deny(const std::string& rules, bool is_swept = false) {
    lists_.push_back(std::make_unique<ListOf>(std::vector<std::string>{rules}, lists_.size() + 1));
    tell(ipc::TakeDenylist{place(is_swept)});
  }
  [[nodiscard]] ipc::DenylistPlace place(bool is_swept) const {
    return {.id = lists_.size(), .bytes = 1, .path = "/list", .is_swept = is_swept};
  }

  bool is_lost = false;  ///< The list cannot be mapped.

 private:
  Result<std::shared_ptr<const DenyTable>> open(const ipc::DenylistPlace&) override {
    if (is_lost) return fail(Errc::kInvalid);
    return std::shared_ptr<const DenyTable>(std::shared_ptr<void>(), &**lists_.back());
  }
  std::vector<std::unique_ptr<ListOf>> lists_;
};

std::string ipfs(const Cid& cid) {
  return "/ipfs/" + cid.text();
}

/// The CID of the CAR's section of that number, 0 for the root's.
Cid section_cid(const SampleCar& car, size_t number) {
  const auto& bytes = car.bytes;
  const size_t at = car.section_ends[number - 1];
  const auto size = read_varint(Bytes(bytes).subspan(at));
  return Cid::prefix_of(Bytes(bytes).subspan(at + size->size))->cid;
}

}  // namespace

TEST_CASE("a request for what is denied costs nothing but its answer", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  rig.deny(ipfs(car.root) + "\n");
  CHECK(rig.sent<ipc::DenylistTaken>().back().denylist_id == 1);
  Peer& client = rig.connect();
  const auto fields = GENERATE("", "If-None-Match: *\r\n", "Cache-Control: only-if-cached\r\n");
  rig.send(client, "GET " + car.target() + " HTTP/1.1\r\nHost: edge\r\n" + fields + "\r\n");
  CHECK(status_line(client.received) == "HTTP/1.1 410 Gone");
  CHECK_THAT(client.received, Contains("\"denied\"") && Contains("no-store"));
  CHECK(rig.sent<ipc::Fetch>().empty());
  CHECK(rig.worker.stats().denied == 1);
  CHECK(rig.worker.stats().denied_legally == 0);
  const auto denied = rig.only<ipc::Denied>();
  CHECK(denied.by.rule == 1);
  CHECK(denied.by.denylist_id == 1);
  rig.send(client, get(car));
  CHECK(rig.sent<ipc::Denied>().empty());
  CHECK(rig.worker.stats().denied == 2);
}

TEST_CASE("a legal demand is answered by another status", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  rig.deny(ipfs(car.root) + " gateway_status:451\n");
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK(status_line(client.received) == "HTTP/1.1 451 Unavailable For Legal Reasons");
  CHECK_THAT(client.received, Contains("\"denied_legally\""));
  CHECK(rig.worker.stats().denied_legally == 1);
  CHECK(rig.only<ipc::Denied>().by.is_legal);
}

TEST_CASE("a denied block ends the fetch, and the L2 is not at fault", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  rig.deny(ipfs(section_cid(car, 2)) + "\n");
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_with_length(car.bytes));
  const auto ended = rig.only<ipc::AttemptEnded>();
  CHECK(ended.outcome == Outcome::kCancelled);
  CHECK_FALSE(ended.wants_another);
  CHECK(ended.denied_by.rule == 1);
  CHECK(ended.denied_by.denylist_id == 1);
  CHECK(status_line(l2.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.worker.stats().verify_failures == 0);
  CHECK(rig.worker.stats().denied == 1);
  // Nothing of the block, nor of what links to it last, has gone out.
  CHECK(count(client.received, text(Bytes(car.bytes).last(900))) == 0);
  CHECK_THAT(client.received, Contains("denied") || !Contains("\r\n0\r\n\r\n"));
}

TEST_CASE("the broker's word that a request is denied ends it", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  rig.tell(ipc::FetchFailed{.fetch_id = fetch.fetch_id, .reason = Outcome::kDeniedLegally});
  CHECK(status_line(client.received) == "HTTP/1.1 451 Unavailable For Legal Reasons");
  CHECK(rig.worker.stats().denied_legally == 1);
}

TEST_CASE("another list ends the fetches of what it denies", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  rig.deny(ipfs(car.root) + "\n");
  CHECK(status_line(client.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.only<ipc::CancelFetch>().fetch_id == fetch.fetch_id);
}

TEST_CASE("nobody joins what was proven under another list", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  Peer& first = rig.connect();
  rig.send(first, get(car));
  const auto fetch = rig.only<ipc::Fetch>();
  Peer& l2 = rig.hand_off(
      fetch, post_head("Content-Length: " + std::to_string(car.bytes.size()) + "\r\n") +
                 text(Bytes(car.bytes).first(car.section_ends[1])));
  Peer& second = rig.connect();
  rig.send(second, get(car));
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.deny("# nothing\n");
  Peer& third = rig.connect();
  rig.send(third, get(car));
  CHECK(rig.sent<ipc::Fetch>().size() == 1);
  rig.send(l2, text(Bytes(car.bytes).subspan(car.section_ends[1])));
  CHECK(dechunked(second.received) == text(car.bytes));
}

TEST_CASE("a list that cannot be had ends the connection to the broker", "[worker][denylist]") {
  const SampleCar car;
  DenyRig rig;
  rig.deny(ipfs(car.root) + "\n");
  rig.is_lost = true;
  ipc::DenylistPlace other = rig.place(false);
  other.id = 99;
  CHECK_FALSE(rig.driver.on_broker_message(ipc::TakeDenylist{other}, nullptr, rig.now_ms));
  CHECK_THAT(rig.worker.broker_problem(), Contains("/list"));
  // The one before stays in force.
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK(status_line(client.received) == "HTTP/1.1 410 Gone");
}

TEST_CASE("files are judged when they are opened, until the cache was looked through",
          "[worker][denylist]") {
  const SampleCar car;
  MemoryCache cache;
  DenyRig rig(&cache);
  cache.store({.root = car.root}, text(car.bytes), {}, true);
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK_THAT(client.received, Contains("X-Cache: HIT"));
  CHECK_FALSE(cache.denylist);
  rig.deny("# nothing\n");
  CHECK(cache.denylist);
  // The open file was forgotten, and so was the decision on the request.
  const size_t looked_up = cache.looked_up.size();
  rig.send(client, get(car));
  CHECK(cache.looked_up.size() > looked_up);
  rig.tell(ipc::TakeDenylist{rig.place(true)});
  CHECK_FALSE(cache.denylist);
  cache.fail(key_of(CarRequest{.root = car.root}), CacheLook::Outcome::kDenied);
  rig.deny("# nothing else\n");
  Peer& other = rig.connect();
  rig.send(other, get(car));
  CHECK(status_line(other.received) == "HTTP/1.1 410 Gone");
  CHECK(rig.only<ipc::CacheFault>().kind == ipc::CacheFaultKind::kDenied);
}

}  // namespace daphnis::worker::test
