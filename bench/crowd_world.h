#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "broker/dispatch/dispatcher.h"
#include "common/base/rule_mode.h"

namespace daphnis::bench {

/// What a crowd is made of, and what is asked of it.
struct CrowdOptions {
  size_t l2s = 100'000;
  size_t roots = 100'000;
  uint64_t seconds = 120;
  double requests_per_s = 500;
  double churn = 0.01;          ///< The part of the L2s that leaves in a second.
  double sybils = 0.1;          ///< The part of the ids that belong to sybils.
  size_t sybil_addresses = 50;  ///< From which these register.
  double absent = 0.05;         ///< The part of the requests for what nobody has.
  RuleMode claims = RuleMode::kOn;
  uint64_t seed = 1;
};

/// The requests that began in one part of the time, and the orders of that part.
struct CrowdPart {
  size_t there = 0;   ///< Requests for content that an honest L2 that was registered had.
  size_t served = 0;  ///< Of these.
  std::map<int, size_t> refused;         ///< Of these, by HTTP status.
  std::map<int, size_t> absent_refused;  ///< Requests for what nobody has, by HTTP status.
  size_t served_orders = 0;              ///< The orders of the requests served.
  size_t orders = 0;
  size_t sybil_orders = 0;
  size_t sybil_claimed_orders = 0;  ///< Of these, for what the sybil had announced.
  size_t stranger_orders = 0;       ///< Orders to L2s of which no block was ever proven.
  size_t absent_orders = 0;         ///< Orders for what nobody has.
};

/// What came of a crowd.
struct CrowdFigures {
  std::array<CrowdPart, 2> parts;     ///< The first minute, and what follows.
  std::vector<uint32_t> first_block;  ///< From requests to their first proven blocks, in ms.
  size_t sybils_registered = 0;       ///< When the requests begin.
  size_t with_deeds = 0;              ///< Registered L2s of which a block was proven, at the end.
  size_t registered = 0;              ///< At the end.
  size_t requests = 0;
  size_t moves = 0;       ///< Leaves and joins together.
  double request_us = 0;  ///< Time on a core for all requests.
  double move_us = 0;     ///< The same for all leaves and joins after the first ones.
  double longest_us = 0;  ///< The same of the longest input.
  broker::Counters counters;
};

/// The broker's registrations and dispatcher among L2s that come and go, in simulated time. The
/// same options give the same run. Stands in for the L2s, for one worker, and for its clients, who
/// do not ask again.
class CrowdWorld {
 public:
  explicit CrowdWorld(const CrowdOptions& options);
  CrowdFigures run();

 private:
  enum class Nature : uint8_t { kHonest, kSilent, kNotFound, kDrips, kLies };
  /// One L2; another one takes the number of one that has left for good.
  struct Peer {
    Nature nature = Nature::kHonest;
    uint32_t latency_ms = 0;
    uint32_t session = 0;  ///< Counts registrations, so that what is due for a former one is told.
    std::string id;
    std::string address;
    std::vector<uint64_t> roots;  ///< That it announces.
    broker::L2* l2 = nullptr;     ///< Null: it is not registered.
  };
  /// A request that a client waits for.
  struct Wish {
    uint64_t begun_ms = 0;
    bool is_there = false;
    std::vector<Uuid> streams;  ///< Attempts that were handed off.
  };
  enum class Kind : uint8_t { kRequest, kPost, kStreamEnds, kStalled, kDeadline, kLeave, kJoin };
  struct Event {
    uint64_t at_ms = 0;
    uint64_t number = 0;  ///< Those of one time happen in this order.
    Kind kind{};
    uint32_t peer = 0;
    uint32_t session = 0;  ///< Of the peer.
    uint64_t fetch = 0;
    uint64_t root = 0;
    Uuid attempt{};
    bool operator>(const Event& other) const {
      return at_ms != other.at_ms ? at_ms > other.at_ms : number > other.number;
    }
  };

  void make_peers();
  void renew(Peer& peer);
  uint64_t draw_root();
  double draw(double end) { return std::uniform_real_distribution<double>(0, end)(random_); }
  uint64_t draw_wait_ms(double mean_ms);
  [[nodiscard]] bool has(const Peer& peer, uint64_t root) const;
  [[nodiscard]] CrowdPart& part_of(uint64_t at_ms);

  void schedule(uint64_t in_ms, Event event);
  void happen(const Event& event);
  void pass_deadline(const broker::Timers::Due& due);
  void ask();
  void on_order(uint32_t peer, const broker::Order& order);
  void post(const Event& event);
  void end_stream(const Event& event);
  void report(uint64_t fetch, const Uuid& attempt, Outcome outcome, bool wants_another);
  void serve(uint64_t fetch, const Uuid& attempt);
  void on_deadline(const Event& event);
  void leave();
  void join(uint32_t number);
  /// The end of an input: orders for fetches that lost their L2s, and what the worker is told.
  void after_input();
  void refuse(uint64_t fetch, int status);

  const CrowdOptions options_;
  std::mt19937_64 random_;
  std::vector<double> popularity_;  ///< Sums of the roots' weights.
  std::vector<Peer> peers_;
  std::vector<uint32_t> present_;  ///< By root: honest registered L2s that have it.
  uint64_t last_host_ = 0;
  uint64_t last_id_ = 0;
  uint64_t last_uuid_ = 0;
  uint64_t last_event_ = 0;
  uint64_t last_fetch_ = 0;
  uint64_t now_ms_ = 1'000;
  uint64_t begun_ms_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  absl::flat_hash_map<uint64_t, Wish> wishes_;
  CrowdFigures figures_;
  broker::Context context_;
  broker::Registrations registrations_{context_};
  broker::Cache cache_{context_};
  broker::Dispatcher dispatcher_{context_, registrations_, cache_};
};

}  // namespace daphnis::bench
