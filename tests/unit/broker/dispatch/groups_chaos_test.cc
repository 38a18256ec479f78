#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "tests/unit/broker/cache/cache_rig.h"

/// Groups with leaders, followers and heirs under random events: each fetch ends once, and nothing
/// is left of any.
namespace daphnis::broker {
namespace {

using ipc::JoinState;

class GroupsChaos {
 public:
  explicit GroupsChaos(uint64_t seed) : random_(seed), rig_(cache_config(), seed + 1) {
    home_ = rig_.register_l2("home", "?v=2&capacity=64");
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    finish();
  }
  [[nodiscard]] const Counters& counters() const { return rig_.broker.counters(); }

 private:
  struct Asked {
    uint64_t n = 0;  ///< The number of its object.
    bool has_output = false;
    bool is_to_lead = false;
  };
  using FetchKey = std::pair<WorkerId, uint64_t>;

  size_t pick(size_t n) { return static_cast<size_t>(random_() % n); }

  void step() {
    switch (pick(10)) {
      case 0:
        if (workers_.size() < 5) workers_.push_back(rig_.connect_worker());
        break;
      case 1:
        if (!workers_.empty() && pick(8) == 0) kill();
        break;
      case 2:
      case 3:
        if (!workers_.empty()) ask(workers_[pick(workers_.size())], 1 + pick(2), pick(3) == 0);
        break;
      case 4:
        if (const auto key = any_fetch(); key && pick(3) == 0) cancel(*key);
        break;
      case 5:
        obey();
        break;
      case 6:
        deliver();
        break;
      case 7:
        end_attempt(pick(2) == 0);
        break;
      case 8:
        report();
        break;
      case 9:
        rig_.advance(pick(pick(10) == 0 ? 12'000 : 100));
        break;
    }
    observe();
  }

  std::optional<FetchKey> any_fetch() {
    if (asked_.empty()) return std::nullopt;
    return std::next(asked_.begin(), static_cast<long>(pick(asked_.size())))->first;
  }
  void ask(WorkerId worker, uint64_t n, bool has_output, bool must_not_join = false,
           uint64_t skip = 0) {
    const uint64_t id = ++last_id_;
    asked_[{worker, id}] = {.n = n, .has_output = has_output};
    ipc::Fetch fetch{.fetch_id = id,
                     .request = {.root = cid_number(n)},
                     .key = key_for(n),
                     .trace_id = "t",
                     .deadline_ms = static_cast<uint32_t>(1'000 + pick(30'000)),
                     .must_not_join = must_not_join,
                     .has_output = has_output && skip == 0,
                     .finds_place = !must_not_join && pick(4) != 0};
    if (skip > 0) {
      const Cid due = cid_number(99);
      const Bytes next = due.bytes();
      fetch.resume = {.skip = skip, .next = {next.begin(), next.end()}};
    }
    rig_.tell(worker, fetch);
  }
  void cancel(const FetchKey& key) {
    rig_.tell(key.first, ipc::CancelFetch{key.second});
    asked_.erase(key);
  }
  /// A worker that was told to lead has found its place, or not, and asks anew.
  void obey() {
    const auto key = any_fetch();
    if (!key || !asked_[*key].is_to_lead) return;
    const Asked was = asked_[*key];
    asked_.erase(*key);
    ask(key->first, was.n, true, true, pick(2) == 0 ? 0 : 5);
  }
  /// The L2 answers an order that it has not answered.
  void deliver() {
    const auto orders = rig_.orders(home_);
    if (orders_answered_ >= orders.size()) return;
    const std::string& order = orders[orders_answered_++];
    const ConnId conn = rig_.connect();
    rig_.send(conn, "POST /data/" + Rig::field(order, "root") +
                        "?requestId=" + Rig::field(order, "requestId") +
                        " HTTP/1.1\r\nHost: l1\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  void end_attempt(bool is_complete) {
    if (handoffs_.empty()) return;
    const auto at = handoffs_.begin() + static_cast<long>(pick(handoffs_.size()));
    const auto [worker, handoff] = *at;
    handoffs_.erase(at);
    const bool wants_another = !is_complete && asked_.contains({worker, handoff.fetch_id});
    rig_.end_attempt(worker, handoff, is_complete ? Outcome::kComplete : Outcome::kAborted,
                     wants_another);
    if (!wants_another) asked_.erase({worker, handoff.fetch_id});
  }
  /// The worker of a fetch that streams says how far its spool has come.
  void report() {
    if (handoffs_.empty()) return;
    const auto& [worker, handoff] = handoffs_[pick(handoffs_.size())];
    const auto state =
        std::array{JoinState::kGoing, JoinState::kWhole, JoinState::kFailed}[pick(3)];
    const std::string path = "/cache/tmp/0-77-" + std::to_string(handoff.fetch_id);
    rig_.progress(worker, handoff.fetch_id, state, state == JoinState::kFailed ? 0 : 4096, path);
  }
  void kill() {
    const size_t n = pick(workers_.size());
    const WorkerId worker = workers_[n];
    workers_.erase(workers_.begin() + static_cast<long>(n));
    std::erase_if(asked_, [&](const auto& one) { return one.first.first == worker; });
    std::erase_if(handoffs_, [&](const auto& one) { return one.first == worker; });
    rig_.kill_worker(worker);
  }

  /// Takes what the workers were told since the last call.
  void observe() {
    for (const WorkerId worker : workers_) {
      REQUIRE_FALSE(rig_.workers[worker].is_closed);
      for (const auto& message : std::exchange(rig_.workers[worker].inbox, {})) {
        if (const auto* handoff = std::get_if<ipc::Handoff>(&message)) {
          rig_.tell(worker, ipc::HandoffTaken{handoff->attempt_id});
          handoffs_.emplace_back(worker, *handoff);
        } else if (const auto* failed = std::get_if<ipc::FetchFailed>(&message)) {
          on_end({worker, failed->fetch_id});
        } else if (const auto* progress = std::get_if<ipc::JoinProgress>(&message)) {
          on_told({worker, progress->fetch_id}, progress->state);
        }
      }
    }
  }
  void on_end(const FetchKey& key) {
    if (const auto found = asked_.find(key); found != asked_.end()) {
      REQUIRE_FALSE(found->second.is_to_lead);
      asked_.erase(found);
    }
  }
  void on_told(const FetchKey& key, JoinState state) {
    const auto found = asked_.find(key);
    if (found == asked_.end()) return;
    REQUIRE_FALSE(found->second.is_to_lead);
    if (state == JoinState::kGoing) found->second.has_output = true;
    if (state == JoinState::kWhole || state == JoinState::kCached) asked_.erase(found);
    if (state != JoinState::kLead) return;
    REQUIRE(found->second.has_output);
    found->second.is_to_lead = true;
  }

  void finish() {
    for (const auto& [key, asked] : std::map(asked_)) cancel(key);
    while (!handoffs_.empty()) end_attempt(true);
    rig_.advance(kHeirWaitMs);
    observe();
    REQUIRE(rig_.broker.is_quiet());
    const uint64_t failed = std::accumulate(std::begin(counters().fetches_failed),
                                            std::end(counters().fetches_failed), uint64_t{0});
    REQUIRE(counters().fetches == counters().fetches_served + counters().fetches_cancelled +
                                      counters().fetches_given_up + counters().fetches_joined +
                                      counters().fetches_cached + counters().heirs + failed);
  }

  std::mt19937_64 random_;
  CacheRig rig_;
  ConnId home_{};
  std::vector<WorkerId> workers_;
  std::map<FetchKey, Asked> asked_;  ///< Fetches that have not ended.
  std::vector<std::pair<WorkerId, ipc::Handoff>> handoffs_;
  size_t orders_answered_ = 0;
  uint64_t last_id_ = 0;
};

}  // namespace

TEST_CASE("groups come to rest whatever their workers do", "[broker][joins]") {
  uint64_t heirs = 0;
  uint64_t heirs_lost = 0;
  uint64_t joined = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    GroupsChaos chaos(seed);
    chaos.run(1'000);
    heirs += chaos.counters().heirs;
    heirs_lost += chaos.counters().heirs_lost;
    joined += chaos.counters().fetches_joined;
  }
  CHECK(heirs > heirs_lost);
  CHECK(heirs_lost > 100);
  CHECK(joined > 100);
}

}  // namespace daphnis::broker
