#include "broker/registry/places.h"

#include "tests/unit/broker/rig.h"

/// Orders that nobody waits for any more, and the places that they keep at their L2s.
namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// A legacy L2 that works on at most `at_once` orders, begins each POST after `delay_ms`, and knows
/// nothing of cancels.
class LateL2 {
 public:
  LateL2(Rig& rig, const std::string& id, uint64_t delay_ms)
      : rig_(rig), registration_(rig.register_l2(id)), delay_ms_(delay_ms) {}

  /// Lets a hundredth of a second pass. Returns the number of orders without a POST.
  size_t step() {
    rig_.advance(10);
    const auto orders = rig_.orders(registration_);
    while (seen_ms_.size() < orders.size()) seen_ms_.push_back(rig_.now_ms);
    for (; begun_ < orders.size() && rig_.now_ms >= seen_ms_[begun_] + delay_ms_; ++begun_) {
      post(orders[begun_]);
    }
    return orders.size() - begun_;
  }
  [[nodiscard]] size_t begun() const { return begun_; }
  [[nodiscard]] ConnId registration() const { return registration_; }

 private:
  void post(const std::string& order) {
    rig_.send(rig_.connect(), "POST /data/" + Rig::field(order, "root") +
                                  "?requestId=" + Rig::field(order, "requestId") +
                                  " HTTP/1.1\r\nHost: l1\r\nTransfer-Encoding: chunked\r\n\r\n");
  }

  Rig& rig_;
  const ConnId registration_;
  const uint64_t delay_ms_;
  std::vector<uint64_t> seen_ms_;
  size_t begun_ = 0;
};

const L2& only_l2(const Rig& rig) {
  const L2* found = nullptr;
  rig.broker.registrations().registry().for_each([&](const L2& l2) { found = &l2; });
  REQUIRE(found);
  return *found;
}

/// Settings by which an order without a POST is given up after 800 ms.
Settings impatient() {
  Settings settings;
  settings.first_byte_last_ms = 800;
  return settings;
}

}  // namespace

TEST_CASE("an L2 that begins late never has more orders than places", "[broker][places]") {
  Rig rig(impatient());
  LateL2 home(rig, "home", 1'500);
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 0; n < 60; ++n) rig.fetch(worker, n, cid_number(n), 60'000);
  size_t most = 0;
  for (int i = 0; i < 3'500; ++i) most = std::max(most, home.step());
  CHECK(most == 3);
  CHECK(home.begun() == 60);
  CHECK(rig.broker.counters().orders_given_up == rig.broker.counters().deliveries_late);
  CHECK(rig.broker.counters().places_expired == 0);
  CHECK(only_l2(rig).places.taken() == 0);
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("each POST for an order given up frees one place", "[broker][places]") {
  Rig rig(impatient());
  const ConnId home = rig.register_l2("home", "?v=2&capacity=2");
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 0; n < 6; ++n) rig.fetch(worker, n, kRoot);
  rig.advance(800);
  CHECK(rig.orders(home).size() == 2);
  CHECK(only_l2(rig).places.given_up() == 2);
  SECTION("a late delivery, which gets 410") {
    CHECK(rig.status(rig.post(home, kRoot)) == 410);
  }
  SECTION("a not-found, which gets 410") {
    CHECK(rig.status(rig.post_not_found(home, kRoot)) == 410);
  }
  CHECK(rig.orders(home).size() == 3);
  CHECK(only_l2(rig).places.given_up() == 1);
}

TEST_CASE("an L2 that acknowledges a cancel has its place free after one round trip",
          "[broker][places]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.fetch(worker, 2, kRoot);
  const std::string id = rig.last_id(home);
  rig.tell(worker, ipc::CancelFetch{1});
  CHECK(rig.conns[home].out.find("{\"cancel\":\"" + id + "\"}\n") != std::string::npos);
  CHECK(rig.orders(home).size() == 1);
  CHECK(rig.status(rig.post(home, kRoot, "Daphnis-Cancelled: 1\r\n", "0\r\n\r\n")) == 410);
  CHECK(rig.orders(home).size() == 2);
  CHECK(rig.broker.counters().deliveries_late == 0);
}

TEST_CASE("a place of an order that is never answered is free after 30 s", "[broker][places]") {
  Rig rig(impatient());
  const ConnId home = rig.register_l2("home", "?capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.fetch(worker, 2, kRoot, 60'000);
  rig.advance(800 + kGivenUpPlaceMs - 1);
  CHECK(rig.orders(home).size() == 1);
  rig.advance(1);
  CHECK(rig.orders(home).size() == 2);
  CHECK(rig.broker.counters().places_expired == 1);
}

TEST_CASE("a registration that ends takes its orders given up with it", "[broker][places]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.fetch(worker, 1, kRoot);
  rig.advance(6'000);
  REQUIRE(only_l2(rig).places.given_up() == 1);
  ConnId next{};
  SECTION("by another connection") {
    next = rig.register_l2("home", "?v=2&capacity=1");
  }
  SECTION("by its loss") {
    rig.hang_up(home);
    next = rig.register_l2("home", "?v=2&capacity=1");
  }
  rig.fetch(worker, 2, kRoot);
  CHECK(rig.orders(next).size() == 1);
  CHECK(rig.status(rig.post(home, kRoot)) == 410);  // It is of no matter to the new registration.
  CHECK(only_l2(rig).places.taken() == 1);
  rig.advance(2 * kGivenUpPlaceMs);
  CHECK(rig.broker.counters().places_expired == 1);
}

TEST_CASE("a wait for a place that is likely to be too long is refused at once",
          "[broker][places]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=2");
  const WorkerId worker = rig.connect_worker();
  uint64_t last = 0;
  const auto fetch = [&] {
    ++last;
    rig.fetch(worker, last, cid_number(last), 60'000);
  };
  const auto end_oldest = [&](size_t n) {
    rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[n], Outcome::kComplete);
  };
  for (size_t n = 0; n < 4; ++n) {  // The first two take the places, and the mean is unknown.
    fetch();
    if (n < 2) rig.post(home, cid_number(last));
  }
  rig.advance(3'000);
  CHECK(rig.broker.dispatcher().waiting() == 2);
  end_oldest(0);
  rig.post(home, cid_number(3));
  REQUIRE(only_l2(rig).places.held_ms() == 3'000);

  fetch();  // One waits, so the wait is 2 / 2 * 3 s.
  CHECK(rig.broker.dispatcher().waiting() == 2);
  fetch();
  CHECK(rig.broker.dispatcher().waiting() == 3);
  fetch();
  CHECK(rig.broker.dispatcher().waiting() == 3);
  CHECK(rig.failure(worker, last) == Outcome::kOverloaded);
  CHECK(rig.inbox<ipc::FetchFailed>(worker).back().retry_after_s == 6);
  CHECK(rig.broker.counters().queue_waits_refused == 1);
  CHECK(rig.broker.counters().queues_full == 0);
}

TEST_CASE("another L2 is asked where the wait at a holder would be too long", "[broker][places]") {
  Rig rig;
  const ConnId holder = rig.register_l2("holder", "?v=2&capacity=1");
  const WorkerId worker = rig.connect_worker();
  rig.announce("holder", kRoot);
  rig.fetch(worker, 1, kRoot);
  rig.post(holder, kRoot);
  rig.advance(40'000);
  rig.end_attempt(worker, rig.inbox<ipc::Handoff>(worker)[0], Outcome::kComplete);
  rig.fetch(worker, 2, kRoot);
  rig.post(holder, kRoot);
  SECTION("where there is another") {
    const ConnId other = rig.register_l2("other", "?v=2");
    rig.fetch(worker, 3, kRoot);
    CHECK(rig.orders(other).size() == 1);
  }
  SECTION("where there is none the client is told to come back after 30 s") {
    rig.fetch(worker, 3, kRoot);
    CHECK(rig.inbox<ipc::FetchFailed>(worker).back().retry_after_s == kQueueRetryAfterSMax);
  }
  CHECK(rig.broker.dispatcher().waiting() == 0);
}

}  // namespace daphnis::broker
