#pragma once

#include <string>
#include <utility>
#include <vector>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "broker/choosing/fruitless_orders.h"
#include "broker/choosing/hedging.h"
#include "broker/dispatch/absences.h"
#include "broker/dispatch/attempts.h"
#include "broker/dispatch/candidates.h"
#include "broker/dispatch/fetches.h"
#include "broker/dispatch/holder_waits.h"
#include "broker/dispatch/places_wanted.h"
#include "broker/registry/prover_table.h"
#include "broker/registry/registrations.h"
#include "common/base/busy_limit.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/not_found.h"

namespace daphnis::broker {

/// The longest Retry-After for a client that would wait too long in an L2's queue, in seconds.
inline constexpr uint32_t kQueueRetryAfterSMax = 30;

/// Turns fetches into attempts (DESIGN 2, steps 4 to 9): decides which L2s are asked, for how long,
/// what each delivery means, and when a fetch fails. Owned by the broker. Sends orders through
/// Registrations and FetchFailed through the outbox. Workers checks which messages a worker may
/// send.
class Dispatcher {
 public:
  Dispatcher(Context& context, Registrations& registrations, const Cache& cache)
      : context_(context), registrations_(registrations), cache_(cache) {}

  // --- From workers ---
  /// Begins a fetch. False where the worker has a fetch of that id already, which is nonsense.
  [[nodiscard]] bool on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Ends a fetch that its worker wants no more. An unknown id is ignored, since the cancel may
  /// have crossed our FetchFailed.
  void on_cancel(WorkerId worker, WorkerFetchId worker_fetch_id, uint64_t now_ms);
  /// True where the hand-off counted against kHandoffsAwaitingMax until now.
  [[nodiscard]] bool on_handoff_taken(WorkerId worker, const Uuid& attempt_id);
  /// Ends an attempt; the result is that of on_handoff_taken(). An unknown attempt is ignored,
  /// since a worker may report one of an earlier broker.
  [[nodiscard]] bool on_attempt_ended(WorkerId worker, const ipc::AttemptEnded& message,
                                      uint64_t now_ms);
  /// An L2 has delivered to the worker itself. Of an attempt that has ended meanwhile only the
  /// place at its L2 is freed.
  void on_direct_delivery(WorkerId worker, const ipc::DirectDelivery& message, uint64_t now_ms);
  /// An L2 has sent the worker a POST for an attempt of which it does not know yet.
  void on_attempt_question(WorkerId worker, const ipc::AttemptQuestion& question, uint64_t now_ms);
  /// The worker has proven a block of an attempt, which links to these keys. An unknown attempt is
  /// ignored.
  void on_links(WorkerId worker, const ipc::Links& message);
  /// True where links that were not heard of yet might decide whom a fetch of this asks first: it
  /// is for one block, no L2 is known that comes before those that proved a link to it, and none of
  /// these is known either.
  [[nodiscard]] bool waits_for_links(const CarRequest& request) const;
  /// The worker's source of a fetch stands still: notes where the fetch has come to, and starts the
  /// next candidate beside it, where one has a free place and no other order of the fetch is fresh;
  /// else nothing happens. An unknown id is ignored, as in on_cancel().
  void on_stalled(WorkerId worker, WorkerFetchId worker_fetch_id, const ipc::Resume& resume,
                  uint64_t now_ms);
  /// A worker has answered 503 since it has too much to do.
  void on_worker_shed(uint64_t now_ms) { hedges_.note_shed(now_ms); }
  /// Ends all fetches and attempts of a worker that is gone.
  void on_worker_gone(WorkerId worker, uint64_t now_ms);

  [[nodiscard]] bool knows(WorkerId worker, WorkerFetchId worker_fetch_id) const {
    return fetches_.contains(worker, worker_fetch_id);
  }
  /// How a fetch ended.
  struct FetchEnd {
    enum class How : uint8_t {
      kFailed,  ///< Its worker was told FetchFailed.
      kServed,  ///< The stream was complete.
      kOver,    ///< Its worker wants it no more, or is gone.
    };
    WorkerId worker{};
    WorkerFetchId worker_fetch_id{};
    How how = How::kOver;
    Outcome reason{};     ///< Only of kFailed.
    size_t attempts = 0;  ///< L2s that were asked.
  };
  /// Takes out the fetches that have ended since the last call, in that order.
  [[nodiscard]] std::vector<FetchEnd> take_ended() { return std::exchange(ended_, {}); }
  /// Sends FetchFailed to a worker. `retry_after_s` is for its client where it may help to retry;
  /// 0: as the settings say.
  void refuse(WorkerId worker, WorkerFetchId worker_fetch_id, Outcome reason, size_t attempts,
              uint32_t retry_after_s = 0);

  // --- From L2s ---
  /// Takes back all orders and queued fetches of an L2 whose registration was lost or replaced.
  /// Must be called while the L2 is still registered; its fetches find other L2s in the next
  /// reroute().
  void on_registration_lost(L2& l2, uint64_t now_ms);
  /// Has the workers end the streams that they read from this L2, which is let in no more; their
  /// fetches go on with others. A worker of the version before reads them to their end.
  void end_streams(const L2& l2);
  /// Finds L2s for the fetches whose attempts or waits were taken back, and for those that wait for
  /// an L2 to register. Must be called at the end of each input.
  void reroute(uint64_t now_ms);
  /// An L2 has registered. The next reroute() asks it where a fetch waits for it.
  void on_registered() { holder_waits_.on_registered(); }
  /// An L2 has announced the root of this key, and that is kept.
  void on_announced(uint64_t root_key) {
    context_.counters.absences_announced += absences_.forget(root_key);
  }
  /// Starts the attempts of fetches that wait for this L2, as far as it has free places.
  void serve_queue(L2& l2, uint64_t now_ms);
  /// A deadline of TimerKind::kPlaces passed: an order given up may have left its place.
  void on_places_timer(L2No no, uint64_t now_ms);
  /// A deadline of TimerKind::kPlacesWanted passed.
  void on_places_wanted_timer(L2No no, uint64_t now_ms) { places_wanted_.on_timer(no, now_ms); }

  enum class Verdict : uint8_t {
    kHandOff,
    kNotFound,   ///< 200; the L2 has not got the content.
    kWrongRoot,  ///< 400
    kUnknown,    ///< 404
    kDelivered,  ///< 409
    kCancelled,  ///< 410
  };
  struct Decision {
    Verdict verdict;
    Attempt* attempt = nullptr;  ///< For kHandOff; valid until the next call.
  };
  /// Decides on a POST whose head came for this attempt and this root; `not_found` is what the head
  /// says that the L2 lacks. A not-found also ends the attempt and the fetch goes on to the next
  /// L2. A delivery without an id (`is_anonymous`) may be anybody's, so it changes no holding,
  /// tally or health, and its L2 may be asked again.
  [[nodiscard]] Decision on_delivery(const Uuid& attempt_id, const Cid& root,
                                     std::optional<NotFound> not_found, bool is_anonymous,
                                     uint64_t now_ms);
  /// The L2 has answered this attempt's order. False where that was not given up; else its place is
  /// free now, and nothing else comes of the answer.
  [[nodiscard]] bool settle(const Uuid& attempt_id, Registrations::Answer answer, uint64_t now_ms);
  /// Finds the attempt that a POST without an id is for: the only one for that root that is out to
  /// an L2 registered from that address (DESIGN 3.1). Attempts that need an id do not count.
  [[nodiscard]] std::optional<Uuid> only_attempt(const std::string& address, const Cid& root);
  /// The L2 that this attempt's order went to; null: there is no such attempt, or the L2 is gone.
  [[nodiscard]] const L2* asked_of(const Uuid& attempt_id);
  /// Marks an attempt with verdict kHandOff as handed off; returns the message that announces its
  /// socket to the worker.
  [[nodiscard]] ipc::Handoff hand_off(const Uuid& attempt_id, uint64_t now_ms);
  /// Ends an attempt that cannot be handed off since its worker has too many waiting. The L2 is not
  /// blamed.
  void refuse_hand_off(const Uuid& attempt_id, uint64_t now_ms);

  /// A deadline of TimerKind::kFetch passed: that of the fetch's wait in a queue (number 0), or
  /// that of its attempt of this number.
  void on_timer(FetchNo no, uint32_t number, uint64_t now_ms);
  /// Refuses new fetches from now on; those that no worker streams yet fail with kDraining.
  void drain(uint64_t now_ms);

  [[nodiscard]] size_t fetches() const { return fetches_.size(); }
  [[nodiscard]] size_t waiting() const { return waiting_; }
  /// Fetches that wait for an L2 that served them to register again.
  [[nodiscard]] size_t holder_waits() const { return holder_waits_.size(); }
  [[nodiscard]] const Attempts& attempts() const { return attempts_; }
  [[nodiscard]] const ProverTable& descent() const { return descent_; }
  [[nodiscard]] const Absences& absences() const { return absences_; }
  [[nodiscard]] const FruitlessOrders& fruitless_orders() const { return fruitless_; }

 private:
  /// True where the broker can take no further fetch.
  [[nodiscard]] bool has_too_many_fetches(uint64_t now_ms);
  /// Decides after each end of one of its attempts, and whenever an order is late, whether the
  /// fetch asks another L2: never while it waits for a place, or while an attempt is under way that
  /// may still serve it: one that is handed off, or not late yet.
  void go_on(Fetch& fetch, uint64_t now_ms);
  /// Asks the next candidate, beside the attempts that are under way. Where there is none these go
  /// on; without any the fetch waits for a place at an L2, or fails.
  void find_candidate(Fetch& fetch, uint64_t now_ms);
  [[nodiscard]] bool may_ask_more(const Fetch& fetch, uint64_t now_ms) const;
  [[nodiscard]] Choice choose(const Fetch& fetch, uint64_t now_ms);
  /// The L2s that proved a block that links to what the fetch is for, where they are to be asked.
  [[nodiscard]] ProverTable::Provers provers_for(const Fetch& fetch) const;
  /// A choice is carried out.
  void note(const Choice& choice, Fetch& fetch);
  /// Counts, where that is all the rule does, a fetch that would begin with one of them.
  void observe_descent(const Fetch& fetch, uint64_t now_ms);
  /// Forgets that an L2 proved a block that links to one that it has not brought.
  void strike_prover(const Attempt& attempt, const AttemptEnding& ending);
  /// An attempt without a POST is late.
  void on_late(Fetch& fetch, Attempt& attempt, uint64_t now_ms);
  [[nodiscard]] uint64_t last_deadline_ms(const Fetch& fetch) const;
  void start_attempt(Fetch& fetch, L2& l2, uint64_t now_ms);
  /// Puts the fetch into the queue of the chosen L2.
  void wait_for(Fetch& fetch, const Choice& choice, uint64_t now_ms);
  void end_wait(Fetch& fetch, uint64_t now_ms);
  void leave_queue(Fetch& fetch);
  /// Lets a fetch in mid-answer wait until one of its past sources registers again.
  void await_holder(Fetch& fetch, uint64_t now_ms);
  void stop_awaiting(Fetch& fetch);
  /// Clears what the wait has set; the caller takes the fetch out of the queue.
  void forget_wait(Fetch& fetch);
  /// Ends a live attempt. Its place at the L2 goes to the next in the queue, unless the order is
  /// given up and keeps it.
  void end_attempt(Attempt& attempt, const AttemptEnding& ending, uint64_t now_ms);
  /// Ends a fetch's wait and its attempts that are not handed off.
  void take_back(Fetch& fetch, Outcome how, uint64_t now_ms);
  /// Writes a line to the log about the fetch, by its last attempt.
  void log_last_attempt(const Fetch& fetch, std::string_view outcome);
  void give_up(Fetch& fetch, Outcome reason, uint32_t retry_after_s = 0);
  /// The L2s that this fetch was not asked of for want of a place should have one.
  void want_places(const Fetch& fetch, uint64_t now_ms);
  /// Gives a fetch up for which `choice` has no L2; `was_complete`: since none is left.
  void give_up_for_lack(Fetch& fetch, const Choice& choice, bool was_complete, uint64_t now_ms);
  [[nodiscard]] Outcome failure_of(const Fetch& fetch, bool is_crowded) const;
  [[nodiscard]] bool is_silence_not_found(const Fetch& fetch, bool is_crowded) const;
  void abandon(Fetch& fetch, uint64_t now_ms);
  void erase(Fetch& fetch, FetchEnd::How how, Outcome reason = {});
  /// Whether the cache would keep the fetch's output.
  [[nodiscard]] ipc::Admission admission_of(const Fetch& fetch) const;
  /// Decides on a POST for an attempt that is over; if its order was given up, its place is free.
  [[nodiscard]] Decision decide_finished(const Uuid& attempt_id, uint64_t now_ms);
  void on_streamed(Fetch& fetch, const ipc::AttemptEnded& message, bool was_hedge, uint64_t now_ms);

  // --- Hedging (dispatcher_hedging.cc) ---
  /// The time from an order to this L2 until another one may be asked beside it.
  [[nodiscard]] uint64_t patience_with(const L2& l2, uint64_t now_ms) const;
  /// An attempt without a POST is late for its L2, but not late yet: asks the next candidate beside
  /// it where that costs nobody else anything.
  void hedge(Fetch& fetch, const Attempt& attempt, uint64_t now_ms);
  /// True where nobody waits for an L2 that a hedge is about, and no worker has too much to do.
  [[nodiscard]] bool is_calm_for_hedge(const Attempt& attempt, const Choice& choice,
                                       uint64_t now_ms) const;

  // --- What is not there (dispatcher_absences.cc) ---
  /// What a new fetch is to end with at once, since it is remembered not to be there.
  [[nodiscard]] std::optional<Outcome> known_absence(Fetch& fetch, uint64_t now_ms);
  /// True where a candidate for the fetch has arrived after that number of arrivals.
  [[nodiscard]] bool has_newcomer(const Fetch& fetch, uint64_t arrivals) const;
  /// The fetch ends with a not-found; `was_complete`: no L2 was left to ask.
  void remember_absence(const Fetch& fetch, bool was_complete, uint64_t now_ms);
  [[nodiscard]] bool may_conclude_absence(const Fetch& fetch, uint64_t now_ms) const;
  /// A stream of the fetch was complete, or proved that its path is missing.
  void note_content(const Fetch& fetch, bool is_path_missing);
  void note_denied(const Fetch& fetch, const ipc::DeniedBy& by, uint64_t now_ms);

  // --- Orders that come to nothing (dispatcher_fruitless.cc) ---
  /// An attempt of the fetch is about to end so: counts it where its order came to nothing.
  void count_fruitless(const Fetch& fetch, const AttemptEnding& ending, uint64_t now_ms);
  /// True where an L2 has announced the root, or proven a block that links to it.
  [[nodiscard]] bool is_claimed(const Fetch& fetch) const;
  /// True where the fetch may give no further order, since too many came to nothing.
  [[nodiscard]] bool is_over_bound(Fetch& fetch, uint64_t now_ms);

  Context& context_;
  Registrations& registrations_;
  const Cache& cache_;
  Attempts attempts_;
  PlacesWanted places_wanted_{context_, registrations_, attempts_};
  Fetches fetches_;
  ProverTable descent_{context_.random};
  HedgeBudget hedges_;
  std::vector<FetchNo> to_reroute_;
  HolderWaits holder_waits_;
  Absences absences_;
  FruitlessOrders fruitless_;
  BusyLimit busy_limit_{context_.settings.sheds_busy, context_.settings.fetches_busy,
                        context_.settings.fetches_max};
  std::vector<FetchEnd> ended_;
  size_t waiting_ = 0;
  bool is_draining_ = false;
};

}  // namespace daphnis::broker
