#include <vector>

#include "tests/unit/broker/dispatch/dispatch_rig.h"
#include "tests/unit/broker/rig.h"

/// What ends an absence before its time, and what does not.
namespace daphnis::broker {
namespace {

/// Asks for a block as clients do that walk a DAG block by block.
void ask(Dispatch& dispatch, uint64_t fetch_id, uint64_t block) {
  const CarRequest request{.root = cid_number(block), .format = AnswerFormat::kRaw};
  REQUIRE(dispatch.dispatcher.on_fetch(kWorker,
                                       {.fetch_id = fetch_id,
                                        .request = request,
                                        .key = key_of(request),
                                        .trace_id = "t",
                                        .deadline_ms = 30'000},
                                       dispatch.now_ms));
}

/// Many L2s, none of which has block 42.
struct Many : Dispatch {
  explicit Many(Settings settings = {}) : Dispatch(std::move(settings)), far_ends(40) {
    for (size_t n = 0; n < far_ends.size(); ++n) add(far_ends[n], "many-" + std::to_string(n));
    ask(*this, 1, 42);
    for (bool is_any = true; is_any;) {
      is_any = false;
      for (FakeL2& l2 : far_ends) {
        if (l2.orders.size() == said[&l2]) continue;
        ++said[&l2];
        say_not_found(l2);
        is_any = true;
      }
    }
    REQUIRE(failures().at(1) == Outcome::kNotFound);
    REQUIRE(dispatcher.absences().size() == 1);
  }
  /// True where the block is remembered not to be there.
  bool is_absent() {
    ask(*this, ++asked, 42);
    return failures().contains(asked);
  }

  std::vector<FakeL2> far_ends;
  std::map<FakeL2*, size_t> said;
  uint64_t asked = 1;
};

}  // namespace

TEST_CASE("what a proven block links to is absent no more", "[broker][absences]") {
  const RuleMode mode = GENERATE(RuleMode::kOn, RuleMode::kObserve);
  Dispatch dispatch({.descent = mode});
  FakeL2 far_end;
  L2& l2 = dispatch.add(far_end, "home");
  ask(dispatch, 1, 100);
  dispatch.say_not_found(far_end);
  dispatch.fetch(2, l2, {.root = cid_number(42), .format = AnswerFormat::kRaw});
  CHECK(dispatch.post(far_end) == Dispatcher::Verdict::kHandOff);
  dispatch.dispatcher.on_links(kWorker, {.attempt_id = far_end.orders.back().attempt_id,
                                         .keys = {key_of_multihash(cid_number(100))}});
  ask(dispatch, 3, 100);
  const bool is_on = mode == RuleMode::kOn;
  CHECK(far_end.orders.size() == (is_on ? 3 : 2));
  CHECK(dispatch.context.counters.absences_linked == (is_on ? 1 : 0));
}

TEST_CASE("an L2 that has announced all that it has ends no absence by its arrival",
          "[broker][absences]") {
  Many many;
  std::vector<FakeL2> others(16);
  for (size_t n = 0; n < others.size(); ++n) {
    many.add(others[n], "other-" + std::to_string(n)).is_complete = true;
  }
  CHECK(many.is_absent());
  many.registrations.registry().for_each([](L2& l2) { l2.is_complete = false; });
  CHECK_FALSE(many.is_absent());
}

TEST_CASE("an L2 that is readmitted may have what was not there", "[broker][absences]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=8");
  const WorkerId worker = rig.connect_worker();
  const CarRequest request{.root = cid_number(7)};
  const auto ask = [&](uint64_t fetch_id) {
    rig.tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                                .request = request,
                                .key = key_of(request),
                                .trace_id = "t",
                                .deadline_ms = 30'000});
  };
  ask(1);
  rig.post_not_found(home, cid_number(7));
  ask(2);
  CHECK(rig.orders(home).size() == 1);
  rig.broker.readmit_l2(*rig.broker.find_l2("home"), rig.now_ms);
  ask(3);
  CHECK(rig.orders(home).size() == 2);
}

TEST_CASE("an announcement that is not kept ends no absence", "[broker][absences]") {
  const bool is_kept = GENERATE(true, false);
  Rig rig({.holdings_per_address = is_kept ? size_t{2} : size_t{1}});
  const ConnId home = rig.register_l2("home", "?v=2&capacity=8");
  const WorkerId worker = rig.connect_worker();
  rig.announce("home", cid_number(1));
  const CarRequest request{.root = cid_number(7)};
  for (uint64_t fetch_id = 1; fetch_id <= 2; ++fetch_id) {
    rig.tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                                .request = request,
                                .key = key_of(request),
                                .trace_id = "t",
                                .deadline_ms = 30'000});
    if (fetch_id == 1) rig.post_not_found(home, cid_number(7));
    rig.announce("home", cid_number(7));
  }
  CHECK(rig.orders(home).size() == (is_kept ? 2 : 1));
}

}  // namespace daphnis::broker
