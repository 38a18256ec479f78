#include "tests/unit/broker/rig.h"

/// The broker under random events of all kinds: every fetch must end exactly once, and nothing may
/// be left over.
namespace daphnis::broker {
namespace {

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : random_(seed), rig_({}, seed + 1) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      REQUIRE(rig_.broker.dispatcher().attempts().live() <=
              kAttemptsAtOnceMax * rig_.broker.dispatcher().fetches() + streams_.size());
    }
    end_everything();
  }

 private:
  size_t pick(size_t n) { return static_cast<size_t>(random_() % n); }

  void step() {
    switch (pick(12)) {
      case 0:
        registrations_.push_back(rig_.register_l2("l2-" + std::to_string(pick(6)),
                                                  pick(2) == 0 ? "" : "?v=2&capacity=2",
                                                  "192.0.2." + std::to_string(pick(2))));
        break;
      case 1:
        if (!registrations_.empty() && pick(2) == 0) {
          rig_.hang_up(registrations_[pick(registrations_.size())]);
        }
        break;
      case 2:
        if (workers_.size() < 3) workers_.push_back(rig_.connect_worker());
        break;
      case 3:
        if (!workers_.empty() && pick(4) == 0) kill(pick(workers_.size()));
        break;
      case 4:
      case 5:
      case 6:
        if (!workers_.empty()) ask(workers_[pick(workers_.size())]);
        break;
      case 7:
        if (!open_.empty()) cancel();
        break;
      case 8:
      case 9:
        if (!registrations_.empty()) deliver(registrations_[pick(registrations_.size())]);
        break;
      case 10:
        rig_.advance(pick(500));
        break;
      case 11:
        end_stream();
        break;
    }
    collect();
  }

  void ask(WorkerId worker) {
    const uint64_t id = ++last_fetch_;
    open_.insert({worker, id});
    rig_.fetch(worker, id, cid_number(pick(10)), static_cast<uint32_t>(100 + pick(4'000)));
  }
  void cancel() {
    const auto at = std::next(open_.begin(), static_cast<long>(pick(open_.size())));
    const auto [worker, id] = *at;
    open_.erase(at);
    rig_.tell(worker, ipc::CancelFetch{id});
  }
  void deliver(ConnId home) {
    const auto orders = rig_.orders(home);
    if (orders.empty()) return;
    const std::string& order = orders[orders.size() - 1 - pick(std::min<size_t>(3, orders.size()))];
    const bool says_not_found = pick(3) == 0;
    const ConnId conn = rig_.connect();
    rig_.send(conn, "POST /data/" + Rig::field(order, "root") + "?requestId=" +
                        Rig::field(order, "requestId") + " HTTP/1.1\r\nHost: l1\r\n" +
                        (says_not_found ? "Daphnis-Not-Found: 1\r\nContent-Length: 0\r\n\r\n"
                                        : "Content-Length: 3\r\n\r\nabc"));
    const bool is_answered = rig_.status(conn) != 0;
    CHECK(is_answered != rig_.conns[conn].handed_to.has_value());
    if (is_answered && !rig_.conns[conn].is_closed) rig_.hang_up(conn);
  }
  void end_stream() {
    if (streams_.empty()) return;
    const auto at = std::next(streams_.begin(), static_cast<long>(pick(streams_.size())));
    const auto [worker, handoff] = *at;
    streams_.erase(at);
    const auto outcome = ipc::kAttemptOutcomes[pick(ipc::kAttemptOutcomes.size())];
    const bool is_open = open_.contains({worker, handoff.fetch_id});
    const bool wants_another = is_open && outcome != Outcome::kComplete && pick(2) == 0;
    // Where another of its streams goes on, so does the fetch.
    const bool goes_on =
        outcome != Outcome::kComplete && std::ranges::any_of(streams_, [&](const auto& other) {
          return other.first == worker && other.second.fetch_id == handoff.fetch_id;
        });
    if (!wants_another && !goes_on) open_.erase({worker, handoff.fetch_id});
    if (pick(2) == 0) rig_.tell(worker, ipc::HandoffTaken{handoff.attempt_id});
    rig_.end_attempt(worker, handoff, outcome, wants_another);
  }
  void kill(size_t n) {
    const WorkerId worker = workers_[n];
    workers_.erase(workers_.begin() + static_cast<long>(n));
    std::erase_if(open_, [&](const auto& one) { return one.first == worker; });
    std::erase_if(streams_, [&](const auto& one) { return one.first == worker; });
    rig_.kill_worker(worker);
  }

  /// Takes the messages that the workers got.
  void collect() {
    for (const WorkerId worker : workers_) {
      for (const auto& message : std::exchange(rig_.workers[worker].inbox, {})) {
        if (const auto* handoff = std::get_if<ipc::Handoff>(&message)) {
          CHECK(open_.contains({worker, handoff->fetch_id}));
          streams_.emplace_back(worker, *handoff);
        } else if (const auto* failed = std::get_if<ipc::FetchFailed>(&message)) {
          CHECK(open_.erase({worker, failed->fetch_id}) == 1);
        }
      }
      CHECK_FALSE(rig_.workers[worker].is_closed);
    }
  }

  void end_everything() {
    for (int round = 0; round < 20; ++round) {
      rig_.advance(5'000);
      collect();
      while (!streams_.empty()) {
        end_stream();
        collect();
      }
    }
    CHECK(open_.empty());
    CHECK(rig_.broker.is_quiet());
    CHECK(rig_.broker.dispatcher().waiting() == 0);
    rig_.broker.registrations().registry().for_each([](const L2& l2) {
      CHECK(l2.places.taken() == 0);
      CHECK(l2.waiting.empty());
    });
    CHECK(rig_.broker.registrations().ring().size() ==
          rig_.broker.registrations().registry().size());
  }

  std::mt19937_64 random_;
  Rig rig_;
  std::vector<ConnId> registrations_;
  std::vector<WorkerId> workers_;
  std::set<std::pair<WorkerId, uint64_t>> open_;
  std::vector<std::pair<WorkerId, ipc::Handoff>> streams_;
  uint64_t last_fetch_ = 0;
};

}  // namespace

TEST_CASE("whatever happens every fetch ends once and nothing stays behind", "[broker][chaos]") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chaos(seed).run(600);
  }
}

}  // namespace daphnis::broker
