#include "tests/unit/broker/rig.h"

/// What is written down of each attempt at its end.
namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

/// A worker that asks for the root, with L2s registered.
struct Recorded : Rig {
  explicit Recorded(bool records = true) : Rig(settings(records)) {}
  static Settings settings(bool records) {
    Settings settings;
    settings.records_attempts = records;
    return settings;
  }
  /// The one record so far.
  [[nodiscard]] const AttemptRecord& only() const {
    REQUIRE(attempts.size() == 1);
    return attempts.front();
  }
  void report(Outcome outcome, uint64_t body_bytes, uint64_t used_bytes) {
    const auto handoff = inbox<ipc::Handoff>(worker).back();
    tell(worker, ipc::AttemptEnded{.fetch_id = handoff.fetch_id,
                                   .attempt_id = handoff.attempt_id,
                                   .outcome = outcome,
                                   .body_bytes = body_bytes,
                                   .used_bytes = used_bytes});
  }

  ConnId home = register_l2("home", "?v=2");
  WorkerId worker = connect_worker(5);
};

}  // namespace

TEST_CASE("an attempt is written down at its end, with all that is known of it",
          "[broker][attempts]") {
  Recorded rig;
  rig.fetch(rig.worker, 1, kRoot);
  const std::string id = rig.last_id(rig.home);
  rig.advance(30);
  rig.post(rig.home, kRoot);
  rig.advance(50);
  CHECK(rig.attempts.empty());
  rig.report(Outcome::kComplete, 1'000, 600);
  const AttemptRecord& record = rig.only();
  CHECK(record.l2_id == "home");
  CHECK(record.root == kRoot);
  CHECK(text_of(record.attempt_id) == id);
  CHECK(record.trace_id == "trace-1");
  CHECK(record.worker == 5U);
  CHECK(record.number == 1);
  CHECK(record.skip == 0);
  CHECK(record.received_bytes == 1'000U);
  CHECK(record.used_bytes == 600U);
  CHECK(record.first_byte_ms == 30U);
  CHECK(record.duration_ms == 80);
  CHECK(record.outcome == Outcome::kComplete);
}

TEST_CASE("nothing is written down where nobody wants it", "[broker][attempts]") {
  Recorded rig(false);
  rig.fetch(rig.worker, 1, kRoot);
  rig.post(rig.home, kRoot);
  rig.report(Outcome::kComplete, 1'000, 600);
  CHECK(rig.broker.counters().fetches_served == 1);
  CHECK(rig.attempts.empty());
}

TEST_CASE("an attempt without a POST is written down without a first byte", "[broker][attempts]") {
  Recorded rig;
  rig.fetch(rig.worker, 1, kRoot);
  rig.advance(60'000);
  const AttemptRecord& record = rig.only();
  CHECK(record.outcome == Outcome::kSilent);
  CHECK_FALSE(record.first_byte_ms);
  CHECK(record.received_bytes == 0U);
  CHECK(record.used_bytes == 0U);
  CHECK(record.duration_ms == Settings().first_byte_last_ms);
}

TEST_CASE("each attempt of a fetch is written down under its number", "[broker][attempts]") {
  Recorded rig;
  const ConnId other = rig.register_l2("other", "?v=2");
  rig.fetch(rig.worker, 1, kRoot);
  const bool is_home_first = !rig.orders(rig.home).empty();
  rig.post_not_found(is_home_first ? rig.home : other, kRoot);
  rig.advance(10);
  rig.post_not_found(is_home_first ? other : rig.home, kRoot);
  REQUIRE(rig.attempts.size() == 2);
  CHECK(rig.attempts[0].number == 1);
  CHECK(rig.attempts[1].number == 2);
  CHECK(rig.attempts[0].l2_id == (is_home_first ? "home" : "other"));
  CHECK(rig.attempts[1].l2_id == (is_home_first ? "other" : "home"));
  CHECK(rig.attempts[1].first_byte_ms == 10U);
  CHECK(rig.attempts[1].outcome == Outcome::kNotFound);
}

TEST_CASE("what a worker has read is not known once it is gone", "[broker][attempts]") {
  Recorded rig;
  rig.fetch(rig.worker, 1, kRoot);
  const bool is_handed_off = GENERATE(true, false);
  if (is_handed_off) rig.post(rig.home, kRoot);
  rig.kill_worker(rig.worker);
  const AttemptRecord& record = rig.only();
  CHECK(record.outcome == (is_handed_off ? Outcome::kWorkerGone : Outcome::kCancelled));
  CHECK(record.worker == 5U);
  CHECK(record.received_bytes.has_value() != is_handed_off);
  CHECK(record.used_bytes.has_value() != is_handed_off);
}

TEST_CASE("an attempt is written down with its fetch's facts also where that ended before it",
          "[broker][attempts]") {
  Recorded rig;
  rig.fetch(rig.worker, 1, kRoot);
  rig.post(rig.home, kRoot);
  rig.tell(rig.worker, ipc::CancelFetch{.fetch_id = 1});
  CHECK(rig.attempts.empty());
  rig.report(Outcome::kCancelled, 70, 60);
  const AttemptRecord& record = rig.only();
  CHECK(record.root == kRoot);
  CHECK(record.trace_id == "trace-1");
  CHECK(record.number == 1);
  CHECK(record.used_bytes == 60U);
}

TEST_CASE("an attempt is written down with the blocks that its order left out",
          "[broker][attempts]") {
  const bool is_v2 = GENERATE(true, false);
  Recorded rig;
  const ConnId other = rig.register_l2("other", is_v2 ? "?v=2" : "");
  rig.hang_up(rig.home);
  const Cid due = cid_number(7);
  const Bytes next = due.bytes();
  rig.tell(rig.worker, ipc::Fetch{.fetch_id = 1,
                                  .request = {.root = kRoot},
                                  .key = key_of(CarRequest{.root = kRoot}),
                                  .trace_id = "trace-1",
                                  .deadline_ms = 30'000,
                                  .resume = {.skip = 9, .next = {next.begin(), next.end()}}});
  rig.advance(60'000);
  REQUIRE(rig.orders(other).size() == 1);
  CHECK(rig.only().skip == (is_v2 ? 9 : 0));
}

}  // namespace daphnis::broker
