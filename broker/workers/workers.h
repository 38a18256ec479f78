#pragma once

#include <absl/container/btree_map.h>

#include <optional>
#include <string>

#include "broker/base/context.h"
#include "broker/dispatch/dispatcher.h"
#include "broker/dispatch/joins.h"
#include "broker/workers/listeners.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// One worker's connection, from its opening to its end. Owned by Workers.
struct Worker {
  WorkerId id{};
  bool is_admitted = false;  ///< Hello was answered by Welcome.
  uint16_t version = 0;
  uint32_t index = 0;
  uint32_t pid = 0;
  uint64_t connected_ms = 0;
  uint64_t heard_ms = 0;    ///< When the last message came.
  uint64_t asked_ms = 0;    ///< Since when a ping awaits its pong; 0: none does.
  bool is_silent = false;   ///< A ping has awaited its pong for too long.
  bool is_leaving = false;  ///< Its Leaving came.
  uint64_t ping_sequence = 0;
  size_t handoffs_awaiting = 0;  ///< Hand-offs sent whose HandoffTaken has not come.
  uint64_t broadcast_done = 0;   ///< The last broadcast that it acknowledged.
  uint64_t denylist_id = 0;      ///< The list of what may not be served that it took last.
  ipc::WorkerStats stats;        ///< As the worker last reported them.
  TimerSlot timer;
};

/// The statistics of all workers together: counters include workers that are gone, gauges do not.
struct WorkerTotals {
  ipc::WorkerStats sum;
  uint32_t admitted = 0;
};

/// The connections of the workers (DESIGN 4): admits workers, sends pings, checks their messages
/// and passes them on, bounds hand-offs. A worker that sends nonsense is disconnected at once.
/// Owned by the broker.
class Workers {
 public:
  Workers(Context& context, Dispatcher& dispatcher, Cache& cache, Joins& joins)
      : context_(context),
        dispatcher_(dispatcher),
        cache_(cache),
        joins_(joins),
        listeners_(context) {}

  void on_connected(WorkerId id, uint64_t now_ms);
  /// The socket that came with a message: the cookie of an L2's (0: none), or a listening one.
  struct Brought {
    uint64_t returned_cookie = 0;
    std::optional<ArrivedListener> listener = {};
  };
  /// A message came. True: it is a ReturnSocket and the socket that came is its own, so the caller
  /// adopts the socket; `surplus` is what the worker had read beyond the POST.
  [[nodiscard]] bool on_message(WorkerId id, ipc::WorkerToBroker message, Brought brought,
                                std::vector<uint8_t>& surplus, uint64_t now_ms);
  /// Bytes came that are no message.
  void on_malformed(WorkerId id, uint64_t now_ms);
  /// The worker's connection is gone.
  void on_closed(WorkerId id, std::string_view why, uint64_t now_ms);
  void on_timer(WorkerId id, uint64_t now_ms);
  void on_second(uint64_t now_ms) { listeners_.on_second(now_ms); }

  /// True where the worker may get one more hand-off, which then counts until it is taken.
  [[nodiscard]] bool take_handoff_place(WorkerId id);

  /// Sends a broadcast to all admitted workers; returns the number that BroadcastDone will carry.
  uint64_t broadcast(ipc::BroadcastVerb verb, const std::string& argument);

  /// Tells all workers where the list of what may not be served is.
  void tell_denylist();
  /// The number of workers that have not taken the list in force yet.
  [[nodiscard]] size_t behind_denylist() const;

  [[nodiscard]] WorkerTotals totals() const;
  [[nodiscard]] std::vector<WorkerId> admitted() const;
  [[nodiscard]] const absl::btree_map<WorkerId, Worker>& all() const { return workers_; }
  [[nodiscard]] const Listeners& listeners() const { return listeners_; }

 private:
  struct Handler;

  void admit(Worker& worker, const ipc::Hello& hello, uint64_t now_ms);
  void end(Worker& worker, std::string_view why, uint64_t now_ms);
  void end_malformed(Worker& worker, uint64_t now_ms);
  void forget(WorkerId id, uint64_t now_ms);
  [[nodiscard]] bool handle(Worker& worker, ipc::WorkerToBroker& message, Brought& brought,
                            std::vector<uint8_t>& surplus, uint64_t now_ms);
  void on_heard(Worker& worker, uint64_t now_ms);
  void watch_silence(Worker& worker, uint64_t due_ms, uint64_t now_ms);
  void release_handoff(Worker& worker, bool counted) {
    if (counted && worker.handoffs_awaiting > 0) --worker.handoffs_awaiting;
  }
  [[nodiscard]] static bool is_plausible(const ipc::Fetch& message);

  Context& context_;
  Dispatcher& dispatcher_;
  Cache& cache_;
  Joins& joins_;
  Listeners listeners_;
  absl::btree_map<WorkerId, Worker> workers_;
  ipc::WorkerStats gone_;  ///< Counters of workers that are gone.
  uint64_t last_broadcast_ = 0;
};

}  // namespace daphnis::broker
