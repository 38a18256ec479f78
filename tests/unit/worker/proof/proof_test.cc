// Tests of the proof of one attempt's CAR, whatever carries it.

#include "worker/proof/proof.h"

#include <catch2/catch.hpp>

#include "tests/unit/worker/fake_feed.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

constexpr uint64_t kNow = 1'000;

struct Listener final : ProofListener {
  void on_proof_output(Proof&, Slices& slices, uint64_t) override {
    for (const Slice& slice : slices) output.append(as_text(slice.bytes()));
    slices.clear();
  }
  void on_proof_skips(Proof& proof, uint64_t, uint64_t now_ms) override {
    proof.give_up(Outcome::kOvertaken, now_ms);
  }
  void on_proof_begins_elsewhere(Proof&) override {}
  void on_proof_slow(Proof&, uint64_t) override { ++slows; }
  void on_proof_whole(Proof&, uint64_t) override { ++wholes; }
  void on_proof_ended(Proof&, uint64_t) override { ++ends; }

  std::string output;
  int slows = 0;
  int wholes = 0;
  int ends = 0;
};

/// A proof of a sample, for a v2 or a legacy L2.
struct Proving {
  explicit Proving(StreamShape shape = StreamShape::kExact)
      : proof({.shape = shape}, request(), context, feed, kNow) {
    proof.start(kNow);
  }
  [[nodiscard]] CarRequest request() const {
    CarRequest wanted;
    wanted.root = car.root;
    return wanted;
  }
  /// Gives the first `size` bytes of the CAR, in one piece.
  void give(size_t size) { proof.on_bytes(Slice::copy_of(Bytes(car.bytes).first(size)), kNow); }

  SampleCar car;
  Settings settings;
  FakeFeed feed;
  Listener listener;
  PoolRate pool;
  Proof::Context context{settings, listener, pool};
  Proof proof;
};

}  // namespace

TEST_CASE("a proof puts a whole CAR out and ends complete when its carrier says so", "[proof]") {
  Proving it;
  it.give(it.car.bytes.size());
  CHECK(it.listener.wholes == 1);
  CHECK(!it.proof.has_ended());
  it.proof.on_end(kNow);
  CHECK(it.proof.outcome() == Outcome::kComplete);
  CHECK(it.listener.output == text(it.car.bytes));
  CHECK(it.listener.ends == 1);
  CHECK(it.feed.outcomes == 1);
}

TEST_CASE("a proof whose carrier breaks off has been aborted, unless all was proven", "[proof]") {
  Proving it;
  const bool is_whole = GENERATE(false, true);
  it.give(is_whole ? it.car.bytes.size() : it.car.section_ends[1]);
  if (!is_whole) it.proof.on_input_used(kNow);
  it.proof.on_cut(kNow);
  CHECK(it.proof.outcome() == (is_whole ? Outcome::kComplete : Outcome::kAborted));
  CHECK(it.proof.blocks_proven() == (is_whole ? it.car.section_ends.size() : 2));
}

TEST_CASE("of an L2 that sends nothing only a legacy one says not-found with that", "[proof]") {
  Proving legacy(StreamShape::kWholeDag);
  legacy.proof.on_cut(kNow);
  CHECK(legacy.proof.outcome() == Outcome::kNotFound);
  Proving exact;
  exact.proof.on_cut(kNow);
  CHECK(exact.proof.outcome() == Outcome::kAborted);
  Proving told;
  told.proof.on_not_found();
  told.proof.on_end(kNow);
  CHECK(told.proof.outcome() == Outcome::kNotFound);
}

TEST_CASE("a proof stalls only while it is not paused", "[proof]") {
  Proving it;
  it.give(it.car.section_ends[0]);
  it.proof.on_input_used(kNow);
  it.proof.pause(Pause::kClientSlow, kNow);
  CHECK(!it.proof.wants_input());
  const uint64_t later = kNow + 10 * it.settings.l2_idle_ms;
  it.proof.on_time(later);
  CHECK(!it.proof.has_ended());
  it.proof.resume(Pause::kClientSlow, later);
  CHECK(it.proof.wants_input());
  it.proof.on_time(later + it.settings.l2_idle_ms);
  CHECK(it.proof.outcome() == Outcome::kStalled);
}

TEST_CASE("a proof is slow once where nothing comes while it is read, and again after more",
          "[proof]") {
  Proving it;
  const uint64_t slow_ms = it.settings.l2_slow_ms;
  it.proof.on_time(kNow + slow_ms - 1);
  CHECK(it.listener.slows == 0);
  it.proof.on_time(kNow + slow_ms);
  it.proof.on_time(kNow + 2 * slow_ms);
  CHECK(it.listener.slows == 1);
  it.proof.pause(Pause::kClientSlow, kNow + 2 * slow_ms);
  it.give(it.car.section_ends[0]);
  it.proof.on_input_used(kNow + 2 * slow_ms);
  it.proof.on_time(kNow + 9 * slow_ms);
  CHECK(it.listener.slows == 1);
  it.proof.resume(Pause::kClientSlow, kNow + 9 * slow_ms);
  it.proof.on_time(kNow + 10 * slow_ms);
  CHECK(it.listener.slows == 2);
  CHECK(!it.proof.has_ended());
}

TEST_CASE("a proof is slow where it has far less than other L2s send", "[proof]") {
  Proving it;
  const bool is_known = GENERATE(true, false);
  for (int i = 0; is_known && i < 5; ++i) it.pool.add(10'000'000, 1'000);
  it.give(it.car.section_ends[0]);
  it.proof.on_input_used(kNow);
  uint64_t now_ms = kNow;
  // A byte a second keeps the silence short.
  for (size_t i = 0; i < 6; ++i) {
    now_ms += 1'000;
    it.proof.on_time(now_ms);
    it.proof.on_bytes(Slice::copy_of(Bytes(it.car.bytes).subspan(it.car.section_ends[0] + i, 1)),
                      now_ms);
    it.proof.on_input_used(now_ms);
  }
  CHECK(it.listener.slows == (is_known ? 1 : 0));
}

TEST_CASE("the usual rate is the median of the last streams that were long enough", "[proof]") {
  PoolRate pool;
  for (size_t i = 0; i < PoolRate::kSamplesMin; ++i) {
    pool.add(PoolRate::kSampleBytesMin - 1, 1);
    CHECK(!pool.median());
  }
  for (const uint64_t rate : {100'000, 300'000, 200'000, 900'000, 400'000}) pool.add(rate, 1'000);
  CHECK(pool.median() == 300'000);
  for (size_t i = 0; i < PoolRate::kSamplesMax; ++i) pool.add(70'000, 0);
  CHECK(pool.median() == 70'000'000);
}

TEST_CASE("a carrier that breaks its own rules speaks for a lie", "[proof]") {
  Proving it;
  it.proof.on_malformed("a chunk's size is no number", kNow);
  CHECK(it.proof.outcome() == Outcome::kLied);
  REQUIRE(it.proof.failure());
  CHECK(it.proof.failure()->text() == "malformed: a chunk's size is no number");
}

TEST_CASE("a proof that is wanted no more ends once", "[proof]") {
  Proving it;
  it.proof.give_up(Outcome::kCancelled, kNow);
  it.proof.give_up(Outcome::kOvertaken, kNow);
  CHECK(it.proof.outcome() == Outcome::kCancelled);
  CHECK(it.listener.ends == 1);
}

}  // namespace daphnis::worker::test
