#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "broker/dispatch/attempts.h"
#include "broker/dispatch/candidates.h"
#include "broker/dispatch/fetch.h"
#include "broker/registry/registrations.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/not_found.h"

namespace daphnis::broker {

/// Turns fetches into attempts (DESIGN 2, steps 4 to 9): whom to ask, for how long, what each
/// answer means, and when to give up. Owned by the broker. Sends order lines through Registrations
/// and FetchFailed through the outbox; what a worker may send when is the business of Workers.
class Dispatcher {
 public:
  Dispatcher(Context& context, Registrations& registrations, const Cache& cache)
      : context_(context), registrations_(registrations), cache_(cache) {}

  // --- From workers ---
  /// A new fetch. False where the worker has one of that id: such a worker makes no sense.
  [[nodiscard]] bool on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Nobody wants it any more. Unknown ones are ignored: the cancel may have crossed our answer.
  void on_cancel(WorkerId worker, WorkerFetchId worker_fetch_id, uint64_t now_ms);
  /// True where the hand-off still counted against kHandoffsAwaitingMax until now.
  [[nodiscard]] bool on_handoff_taken(WorkerId worker, const Uuid& attempt_id);
  /// As on_handoff_taken, for an attempt that ends. Unknown ones are ignored: a worker outlives
  /// brokers.
  [[nodiscard]] bool on_attempt_ended(WorkerId worker, const ipc::AttemptEnded& message,
                                      uint64_t now_ms);
  /// What the worker had asked for ends with it.
  void on_worker_gone(WorkerId worker, uint64_t now_ms);

  [[nodiscard]] bool knows(WorkerId worker, WorkerFetchId worker_fetch_id) const {
    return by_worker_.contains(std::pair(worker, worker_fetch_id));
  }
  /// How a fetch ended.
  struct FetchEnd {
    enum class How : uint8_t {
      kFailed,  ///< Its worker was told FetchFailed.
      kServed,  ///< The stream was complete.
      kOver,    ///< Its worker wants no more, or is gone.
    };
    WorkerId worker{};
    WorkerFetchId worker_fetch_id{};
    How how = How::kOver;
    ipc::FetchFailure reason{};  ///< Of kFailed, with the attempts made.
    size_t attempts = 0;
  };
  /// The fetches that have ended since the last call, in order.
  [[nodiscard]] std::vector<FetchEnd> take_ended() { return std::exchange(ended_, {}); }
  /// Says FetchFailed to a worker.
  void refuse(WorkerId worker, WorkerFetchId worker_fetch_id, ipc::FetchFailure reason,
              size_t attempts);

  // --- From L2s ---
  /// Everything the L2's stream was told is void: it was lost or replaced. Called while the L2 is
  /// still registered; its fetches find other candidates when reroute() is called after that.
  void on_registration_lost(L2& l2, uint64_t now_ms);
  void reroute(uint64_t now_ms);
  /// Gives orders to an L2 that may have room for them, to those that wait for it.
  void serve_queue(L2& l2, uint64_t now_ms);

  enum class Verdict : uint8_t {
    kHandOff,
    kNotFound,   ///< Taken as the L2's word; 200.
    kWrongRoot,  ///< 400
    kUnknown,    ///< 404
    kDelivered,  ///< 409
    kCancelled,  ///< 410
  };
  struct Decision {
    Verdict verdict;
    Attempt* attempt = nullptr;  ///< For kHandOff; valid until the next call.
  };
  /// A POST's head came for this attempt and this root, `not_found` being what it says that the L2
  /// lacks. Says what to do; does it for kNotFound. `is_anonymous`: it came without an id, so it
  /// says nothing of the L2: no holding, tally or health changes, and the L2 may be asked again.
  [[nodiscard]] Decision on_delivery(const Uuid& attempt_id, const Cid& root,
                                     std::optional<NotFound> not_found, bool is_anonymous,
                                     uint64_t now_ms);
  /// The attempt's id for a POST without one: the only attempt for that root that is out to an L2
  /// registered from that address (DESIGN 3.1), unless that one needs an id.
  [[nodiscard]] std::optional<Uuid> only_attempt(const std::string& address, const Cid& root);
  /// The socket of an attempt with verdict kHandOff is on its way; the frame that announces it.
  [[nodiscard]] ipc::Handoff hand_off(const Uuid& attempt_id, uint64_t now_ms);
  /// It could not be handed off (the worker has too many waiting): no fault of the L2's.
  void refuse_hand_off(const Uuid& attempt_id, uint64_t now_ms);

  void on_timer(FetchNo no, uint64_t now_ms);
  /// No new fetches; those that no worker streams yet fail with kDraining.
  void drain(uint64_t now_ms);

  [[nodiscard]] size_t fetches() const { return fetches_.size(); }
  [[nodiscard]] size_t waiting() const { return waiting_; }
  [[nodiscard]] const Attempts& attempts() const { return attempts_; }

 private:
  [[nodiscard]] Fetch* find(FetchNo no);
  void find_candidate(Fetch& fetch, uint64_t now_ms);
  [[nodiscard]] Choice choose(Fetch& fetch, uint64_t now_ms);
  void start_attempt(Fetch& fetch, L2& l2, uint64_t now_ms);
  /// Waits in the L2's queue until `until_ms`.
  void wait_for(Fetch& fetch, L2& l2, uint64_t until_ms);
  void end_wait(Fetch& fetch, uint64_t now_ms);
  void leave_queue(Fetch& fetch);
  /// Ends a live attempt and gives its place at the L2 to the next in the queue.
  void end_attempt(const Uuid& id, AttemptEnd end, uint64_t now_ms);
  void give_up(Fetch& fetch, ipc::FetchFailure reason);
  [[nodiscard]] ipc::FetchFailure failure_of(const Fetch& fetch, bool is_crowded) const;
  void abandon(Fetch& fetch, uint64_t now_ms);
  void erase(Fetch& fetch, FetchEnd::How how, ipc::FetchFailure reason = {});
  void on_streamed(Fetch& fetch, const ipc::AttemptEnded& message, uint64_t now_ms);
  /// What the end of a stream that failed means for its fetch and for what its L2 holds.
  void blame(Fetch& fetch, ipc::AttemptOutcome outcome);
  void tally(L2& l2, const ipc::AttemptEnded& message, uint64_t now_ms);
  void take_not_found(Fetch& fetch, L2No no, NotFound what);
  void log_attempt(LogLevel level, const Fetch& fetch, std::string_view outcome);

  Context& context_;
  Registrations& registrations_;
  const Cache& cache_;
  Attempts attempts_;
  absl::flat_hash_map<FetchNo, std::unique_ptr<Fetch>> fetches_;
  absl::flat_hash_map<std::pair<WorkerId, WorkerFetchId>, FetchNo> by_worker_;
  std::vector<FetchNo> to_reroute_;
  std::vector<FetchEnd> ended_;
  uint64_t last_no_ = 0;
  size_t waiting_ = 0;
  bool is_draining_ = false;
};

}  // namespace daphnis::broker
