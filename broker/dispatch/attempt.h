#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/context.h"
#include "broker/dispatch/fetch.h"
#include "broker/registry/registrations.h"
#include "common/base/uuid.h"
#include "common/request/not_found.h"
#include "common/request/outcome.h"
#include "common/request/stream_shape.h"

namespace daphnis::broker {

inline constexpr size_t kAttemptsAtOnceMax = 4;  ///< Attempts of one fetch under way.

inline constexpr uint32_t kAttemptsInAllMax = 256;  ///< Attempts of one fetch.

/// An attempt's end with what is known of it.
struct AttemptEnding {
  Outcome how;
  /// What the L2 lacks, where the broker found kNotFound in the head of the POST.
  NotFound lacks = NotFound::kUnspecified;
  const ipc::AttemptEnded* report = nullptr;  ///< The worker's; null: the broker ended it.

  /// The end that a worker reports; `report` must outlive it.
  [[nodiscard]] static AttemptEnding reported(const ipc::AttemptEnded& report) {
    return {.how = report.outcome, .report = &report};
  }
  /// True where the L2 itself says not-found, to the broker.
  [[nodiscard]] bool is_told_not_found() const { return how == Outcome::kNotFound && !report; }
};

/// One order to one L2 for one fetch: it is ordered, perhaps handed off, and ends once. It counts
/// all of that: for the broker, its L2 and its fetch. Owned by Attempts; what follows from its end
/// is the dispatcher's to decide.
class Attempt {
 public:
  enum class State : uint8_t {
    kOrdered,    ///< The line is out; no POST yet.
    kHandedOff,  ///< The POST's socket was sent to the worker.
    kOver,       ///< Only until Attempts::finish().
  };

  /// `needs_id`: a delivery without an id does not count. `registrations` and `context` outlive the
  /// attempt.
  Attempt(const Uuid& id, bool needs_id, Registrations& registrations, Context& context)
      : id_(id), needs_id_(needs_id), registrations_(registrations), context_(context) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// Begins its life: takes a place at the L2 and waits for the POST until `until_ms`. The caller
  /// writes the order line.
  void order(Fetch& fetch, L2& l2, uint64_t until_ms, uint64_t now_ms);
  /// It was ordered since an earlier order of the fetch was late for its L2, though not late yet.
  void mark_hedge() { is_hedge_ = true; }
  /// Waits on for the POST, until `until_ms`, where its timer has fired.
  void wait_on(uint64_t until_ms);
  /// The head of its POST came; `is_anonymous`: without an id, so perhaps from anybody.
  void deliver(bool is_anonymous, uint64_t now_ms);
  /// Tells the worker of it, to which the L2 may deliver directly: as safely as it has registered.
  void tell_worker(ipc::Admission admission, const Registration& l2);
  /// The POST's socket goes to the worker, so there is no deadline here any more.
  void hand_off();
  /// The L2 has delivered to the worker directly; `brings_car`: the worker reads the stream, as
  /// after hand_off().
  void deliver_directly(bool brings_car, uint64_t now_ms);
  /// The worker has the socket. True where its hand-off awaited this until now.
  [[nodiscard]] bool take();
  /// Its fetch is over, while the worker has yet to report this attempt's end.
  void leave_fetch();
  /// Its timer has fired and is not set any more.
  void on_timer_fired() { Timers::fired(timer_); }
  /// Ends it: leaves its fetch and its L2, where its order keeps the place if it is given up since
  /// no POST came, and counts the end. Must be called once; Attempts::finish() follows.
  void end(const AttemptEnding& ending, uint64_t now_ms);
  /// Writes a line to the log where that level is written.
  void log(LogLevel level, std::string_view outcome) const;

  [[nodiscard]] const Uuid& id() const { return id_; }
  /// Null: the fetch is over. An ordered attempt always has one.
  [[nodiscard]] Fetch* fetch() const { return fetch_; }
  [[nodiscard]] L2No l2() const { return l2_; }
  [[nodiscard]] WorkerId worker() const { return worker_; }
  /// Counts the orders of its fetch, this one included: from 1 on.
  [[nodiscard]] uint32_t number() const { return timer_.number; }
  [[nodiscard]] State state() const { return state_; }
  /// True where it has had Settings::first_byte_ms and there is no POST. The next L2 is asked
  /// beside it then, and its POST is welcome until it ends.
  [[nodiscard]] bool is_late(uint64_t now_ms) const {
    return state_ == State::kOrdered && now_ms >= late_at_ms();
  }
  /// When it is late, if there is no POST until then.
  [[nodiscard]] uint64_t late_at_ms() const {
    return ordered_ms_ + context_.settings.first_byte_ms;
  }
  /// True where its worker may take its POST directly.
  [[nodiscard]] bool is_told() const { return is_told_; }
  [[nodiscard]] bool is_hedge() const { return is_hedge_; }
  [[nodiscard]] bool needs_id() const { return needs_id_; }
  /// True where its POST came without an id, so perhaps from anybody.
  [[nodiscard]] bool is_anonymous() const { return is_anonymous_; }
  /// True where the worker has not said HandoffTaken.
  [[nodiscard]] bool awaits_taking() const { return state_ == State::kHandedOff && !is_taken_; }
  /// True where a POST came, so that a later one gets 409. False once its worker is gone with it:
  /// then the attempt counts as cancelled, and a later POST gets 410 (DESIGN 4a).
  [[nodiscard]] bool was_delivered() const { return was_delivered_; }

 private:
  void begin_record(const L2& l2);
  /// Gives out the record with what its end adds.
  void end_record(const AttemptEnding& ending, uint64_t now_ms);
  void clear_timer();
  void begin_stream();
  void withdraw();
  void count_for_broker(const AttemptEnding& ending);
  void count_for_l2(const AttemptEnding& ending, L2& l2) const;
  /// Counts for what is known of the L2, which may be gone (null), and tells it where it is ejected
  /// for that.
  void count_for_health(const AttemptEnding& ending, L2* l2, uint64_t now_ms) const;
  /// Counts the wait for a POST, where the order is given up with that end, for what is known of
  /// the L2.
  [[nodiscard]] Wait count_wait(Outcome how, uint64_t now_ms) const;
  /// Counts the end for what the L2 has announced. True where it breaks its claim by silence, which
  /// a late POST mends.
  [[nodiscard]] bool judge_claim(const AttemptEnding& ending, const L2& l2, uint64_t now_ms);
  void count_for_fetch(const AttemptEnding& ending, const L2* l2);
  /// True where the worker could not pick what it needs out of the whole DAG that the L2 sends.
  [[nodiscard]] bool is_unusable(const AttemptEnding& ending) const {
    return ending.report && ending.how == Outcome::kHandOffLost && shape_ == StreamShape::kWholeDag;
  }
  /// Counts the fetch's progress, and the try that this one cost.
  void count_tries(const AttemptEnding& ending) const;
  void remember_source(const AttemptEnding& ending) const;
  void log_end(const AttemptEnding& ending) const;

  Uuid id_;
  bool needs_id_;
  Registrations& registrations_;
  Context& context_;
  Fetch* fetch_ = nullptr;
  L2No l2_{};
  std::string l2_id_;  ///< For when that L2 is gone.
  HealthNo health_{};
  uint64_t root_key_ = 0;
  StreamShape shape_{};
  WorkerId worker_{};
  State state_ = State::kOrdered;
  bool was_delivered_ = false;
  bool is_taken_ = false;
  bool is_told_ = false;  ///< The worker takes its POST directly, until AttemptOver or Handoff.
  bool is_hedge_ = false;
  bool is_anonymous_ = false;
  uint64_t ordered_ms_ = 0;
  std::unique_ptr<AttemptRecord> record_;  ///< Null where none is wanted, and after the end.
  TimerSlot timer_;  ///< For its POST; under its fetch's FetchNo and its own number.
};

/// True where a worker reads one of its streams.
[[nodiscard]] bool is_streaming(const Fetch& fetch);

/// Whom a line of the log is about: an attempt, or a fetch by its last attempt.
struct AttemptLine {
  std::string_view outcome;
  size_t number = 0;  ///< 0: no L2 was asked, and the rest is not written.
  Uuid attempt{};
  L2No l2{};
};
/// Writes such a line to the log.
void log_attempt(LogLevel level, const Fetch& fetch, const AttemptLine& said, Context& context,
                 const Registrations& registrations);

}  // namespace daphnis::broker
