#include "broker/dispatch/attempt.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

/// What an attempt's outcome counts for; null: for nothing.
struct Meaning {
  uint64_t Counters::*broker = nullptr;
  uint64_t L2Tally::*l2 = nullptr;
  uint32_t Fetch::*fetch = nullptr;
  OrderEnd::How health = OrderEnd::How::kNothing;
};

Meaning meaning_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kComplete:
      return {.l2 = &L2Tally::complete, .health = OrderEnd::How::kServed};
    case Outcome::kNotFound:
      return {&Counters::not_found, &L2Tally::not_found, &Fetch::not_found,
              OrderEnd::How::kNotFound};
    case Outcome::kSilent:
      return {&Counters::silent, &L2Tally::silent, &Fetch::silent, OrderEnd::How::kSilent};
    case Outcome::kStalled:
      return {nullptr, &L2Tally::silent, &Fetch::silent, OrderEnd::How::kSilent};
    case Outcome::kAborted:
      return {nullptr, &L2Tally::failed, &Fetch::failed, OrderEnd::How::kAborted};
    case Outcome::kLied:
      return {nullptr, &L2Tally::lied, &Fetch::failed, OrderEnd::How::kLied};
    case Outcome::kRegistrationLost:
      return {&Counters::l2_lost, &L2Tally::failed, &Fetch::failed, OrderEnd::How::kAborted};
    case Outcome::kHandOffLost:
      return {.fetch = &Fetch::lost};  // The fault is this edge's own.
    case Outcome::kHandOffRefused:
      return {&Counters::handoffs_refused, nullptr, &Fetch::lost};  // Likewise.
    case Outcome::kCancelled:
    case Outcome::kOvertaken:
    case Outcome::kYielded:
      return {.l2 = &L2Tally::cancelled};
    case Outcome::kWorkerGone:
    case Outcome::kDraining:
      return {};
    default:
      abort_on_bug("an attempt has an outcome that none can have");
  }
}

/// True where an L2 of which nothing was proven was asked in vain.
bool is_in_vain(Outcome outcome) {
  using enum OrderEnd::How;
  const OrderEnd::How health = meaning_of(outcome).health;
  return health == kNotFound || health == kAborted || health == kSilent || health == kLied;
}

/// True where it is known what the attempt's POST brought.
bool was_heard(const AttemptEnding& ending) {
  return ending.report || ending.is_told_not_found();
}

/// Decides whether the holding is struck. An L2 that holds a part of the DAG still serves requests
/// within that part.
bool lacks_root(const AttemptEnding& ending, const Fetch& fetch, const L2* l2) {
  if (ending.how == Outcome::kLied) return true;
  if (!ending.is_told_not_found() || !l2) return false;
  const NotFound what = ending.lacks;
  const bool was_asked_root_alone =
      l2->capabilities().reads_whole_requests && fetch.asks_root_alone();
  return what == NotFound::kRoot || (what == NotFound::kUnspecified && was_asked_root_alone);
}

}  // namespace

void Attempt::order(Fetch& fetch, L2& l2, uint64_t until_ms, uint64_t now_ms) {
  check(fetch.attempts.size() < kAttemptsAtOnceMax, "a fetch has too many attempts");
  fetch_ = &fetch;
  l2_ = l2.no;
  l2_id_ = l2.id();
  health_ = l2.health->no();
  root_key_ = fetch.key;
  shape_ = l2.capabilities().stream_shape;
  worker_ = fetch.worker;
  ordered_ms_ = now_ms;
  l2.places.take(id_);
  registrations_.strangers().note_order(now_ms);
  registrations_.strangers().update(l2);
  ++l2.tally.orders;
  ++context_.counters.attempts;
  if (!fetch.attempts.empty()) ++context_.counters.attempts_beside;
  fetch.last_order_ms = now_ms;
  if (fetch.past_sources.has(l2.id())) ++context_.counters.holders_asked_again;
  const bool is_carried_on = fetch.is_in_mid_answer && fetch.orders > 0;
  if (is_carried_on && !std::exchange(fetch.was_carried_on, true)) {
    ++context_.counters.fetches_carried_on;
  }
  fetch.note_asked(l2.no);
  fetch.attempts.push_back(this);
  fetch.last_attempt = id_;
  fetch.last_l2 = l2.no;
  timer_.number = fetch.orders;
  if (context_.settings.records_attempts) begin_record(l2);
  context_.timers.set(timer_, TimerKind::kFetch, static_cast<uint64_t>(fetch.no), until_ms);
}

void Attempt::wait_on(uint64_t until_ms) {
  check(state_ == State::kOrdered, "only an ordered attempt waits for its POST");
  context_.timers.set(timer_, TimerKind::kFetch, static_cast<uint64_t>(fetch_->no), until_ms);
}

void Attempt::deliver(bool is_anonymous, uint64_t now_ms) {
  check(state_ == State::kOrdered, "a POST is taken for an attempt that has one");
  context_.counters.first_byte.record(now_ms - ordered_ms_);
  context_.counters.first_byte_second.record(now_ms - ordered_ms_);
  if (record_) record_->first_byte_ms = now_ms - ordered_ms_;
  if (!is_anonymous) registrations_.health().add_first_byte(health_, now_ms - ordered_ms_, now_ms);
  is_anonymous_ = is_anonymous;
  was_delivered_ = true;
  L2* l2 = registrations_.registry().find(l2_);
  if (!l2) return;
  l2->places.answer(id_);
  registrations_.strangers().update(*l2);
}

void Attempt::tell_worker(ipc::Admission admission, const Registration& l2) {
  is_told_ = true;
  context_.data_addresses.note_out(worker_);
  context_.tell(worker_, ipc::AttemptOut{.fetch_id = static_cast<uint64_t>(fetch_->worker_fetch_id),
                                         .attempt_id = id_,
                                         .shape = shape_,
                                         .attempt_number = number(),
                                         .l2_id = l2_id_,
                                         .admission = admission,
                                         .needs_certificate = l2.is_certified,
                                         .needs_tls = l2.over_tls});
}

void Attempt::hand_off() {
  ++context_.counters.handoffs;
  begin_stream();
}

void Attempt::deliver_directly(bool brings_car, uint64_t now_ms) {
  check(is_told_, "a direct delivery came that the worker could not know of");
  deliver(false, now_ms);
  if (!brings_car) return withdraw();
  ++context_.counters.deliveries_direct;
  begin_stream();
  is_taken_ = true;
}

void Attempt::begin_stream() {
  check(state_ == State::kOrdered, "this attempt cannot be handed off");
  fetch_->was_handed_off = true;
  state_ = State::kHandedOff;
  withdraw();
  clear_timer();
}

/// The worker takes no direct delivery of it any more, and knows that.
void Attempt::withdraw() {
  if (std::exchange(is_told_, false)) context_.data_addresses.note_over(worker_);
}

bool Attempt::take() {
  const bool awaited = awaits_taking();
  is_taken_ |= awaited;
  return awaited;
}

void Attempt::leave_fetch() {
  check(state_ == State::kHandedOff, "an ordered attempt loses its fetch");
  fetch_ = nullptr;
}

void Attempt::end(const AttemptEnding& ending, uint64_t now_ms) {
  check(state_ != State::kOver, "an attempt ends twice");
  const bool is_given_up =
      state_ == State::kOrdered && !was_delivered_ && ending.how != Outcome::kRegistrationLost;
  clear_timer();
  if (record_) end_record(ending, now_ms);
  Wait wait = is_given_up && fetch_ ? count_wait(ending.how, now_ms) : Wait{};
  state_ = State::kOver;
  if (ending.how == Outcome::kWorkerGone) was_delivered_ = false;
  if (is_told_ && context_.data_addresses.knows(worker_)) {
    context_.tell(worker_, ipc::AttemptOver{id_, was_delivered_});
  }
  withdraw();
  L2* l2 = registrations_.registry().find(l2_);
  if (l2 && !is_anonymous_) wait.has_broken_claim = judge_claim(ending, *l2, now_ms);
  count_for_broker(ending);
  if (l2 && !is_anonymous_) count_for_l2(ending, *l2);
  if (!is_anonymous_) count_for_health(ending, l2, now_ms);
  const bool was_in_vain = wait.is_late || is_in_vain(ending.how);
  if (l2 && l2->is_stranger() && was_in_vain) registrations_.strangers().note_in_vain(now_ms);
  if (fetch_) {
    count_for_fetch(ending, l2);
    log_end(ending);
    std::erase(fetch_->attempts, this);
  }
  if (l2 && is_given_up) {
    registrations_.give_up(*l2, id_, ordered_ms_, now_ms, wait);
  } else if (l2 && ending.how == Outcome::kYielded) {
    l2->places.yield(id_);
  } else if (l2) {
    l2->places.free(id_, ordered_ms_, now_ms);
  }
  if (l2) registrations_.strangers().update(*l2);
}

bool Attempt::judge_claim(const AttemptEnding& ending, const L2& l2, uint64_t now_ms) {
  if (l2.health->no() != health_) return false;  // It has registered from elsewhere since.
  Claims& claims = registrations_.claims();
  const bool has_proven = ending.report && ending.report->blocks_proven > 0;
  const bool is_stalled = ending.how == Outcome::kStalled && !has_proven;
  if (ending.how == Outcome::kSilent || is_stalled) return claims.fail(l2, root_key_, now_ms);
  if (ending.how == Outcome::kComplete && has_proven) {
    claims.prove(l2, root_key_);
  } else if (fetch_ && lacks_root(ending, *fetch_, &l2)) {
    claims.lack(l2, root_key_, ending.how == Outcome::kLied, now_ms);
  }
  return false;
}

void Attempt::begin_record(const L2& l2) {
  const bool may_skip = l2.capabilities().reads_whole_requests;
  record_ =
      std::make_unique<AttemptRecord>(AttemptRecord{.l2_id = l2_id_,
                                                    .root = fetch_->request.root,
                                                    .attempt_id = id_,
                                                    .trace_id = fetch_->trace_id,
                                                    .worker = context_.index_of(worker_),
                                                    .number = number(),
                                                    .skip = may_skip ? fetch_->resume.skip : 0});
}

void Attempt::end_record(const AttemptEnding& ending, uint64_t now_ms) {
  if (ending.report) {
    record_->received_bytes = ending.report->body_bytes;
    record_->used_bytes = ending.report->used_bytes;
  } else if (state_ == State::kHandedOff) {
    record_->received_bytes = record_->used_bytes = std::nullopt;
  }
  record_->duration_ms = now_ms - ordered_ms_;
  record_->outcome = ending.how;
  context_.out.push(WriteAttempt{std::move(record_)});
}

void Attempt::clear_timer() {
  if (!fetch_) return;  // It was handed off, so its timer is not set.
  context_.timers.clear(timer_, TimerKind::kFetch, static_cast<uint64_t>(fetch_->no));
}

void Attempt::count_for_broker(const AttemptEnding& ending) {
  if (ending.report) ++context_.counters.outcomes[ending.report->outcome];
  // A reported not-found counts only where its fetch goes by it.
  const bool is_reported_not_found = ending.report && ending.how == Outcome::kNotFound;
  if (is_reported_not_found && (!fetch_ || is_anonymous_)) return;
  const auto counter = meaning_of(ending.how).broker;
  if (counter) ++(context_.counters.*counter);
}

void Attempt::count_for_l2(const AttemptEnding& ending, L2& l2) const {
  const auto count = meaning_of(ending.how).l2;
  if (count) ++(l2.tally.*count);
  if (ending.report) l2.tally.car_bytes += ending.report->body_bytes;
}

Wait Attempt::count_wait(Outcome how, uint64_t now_ms) const {
  // Where the client left early, the wait says nothing of the L2.
  const bool lost_a_race = how == Outcome::kCancelled && fetch_->was_handed_off;
  const bool was_late = how == Outcome::kCancelled && is_late(now_ms);
  if (how != Outcome::kSilent && !lost_a_race && !was_late) return {};
  const uint64_t waited_ms = std::max<uint64_t>(now_ms - ordered_ms_, 1);
  registrations_.health().add_first_byte(health_, waited_ms, now_ms);
  return {.counted_ms = waited_ms, .is_late = was_late, .root_key = root_key_};
}

void Attempt::count_for_health(const AttemptEnding& ending, L2* l2, uint64_t now_ms) const {
  OrderEnd end{
      .how = meaning_of(ending.how).health, .root_key = root_key_, .ordered_ms = ordered_ms_};
  if (ending.report) {
    end.blocks_proven = ending.report->blocks_proven;
    end.body_bytes = ending.report->body_bytes;
    end.stream_ms = ending.report->duration_ms;
    // Others were quicker, or the clients went or took too little; what it sent was right.
    const bool is_without_fault = meaning_of(ending.how).l2 == &L2Tally::cancelled;
    if (is_without_fault && end.blocks_proven > 0) end.how = OrderEnd::How::kServed;
  }
  const auto ejection = registrations_.health().add_end(health_, end, now_ms);
  const bool is_still_its = l2 && l2->health->no() == health_;
  if (ejection && is_still_its) registrations_.tell_ejected(*l2, *ejection, now_ms);
}

void Attempt::count_for_fetch(const AttemptEnding& ending, const L2* l2) {
  if (was_heard(ending) && is_anonymous_) {
    // A delivery without an id came to nothing, so its L2 is asked once more.
    fetch_->delivered_for.push_back(l2_);
    fetch_->to_ask_again.push_back(l2_);
    fetch_->unheard.push_back(l2_);
    return;
  }
  if (was_heard(ending)) std::erase(fetch_->unheard, l2_);
  const auto count = is_unusable(ending) ? &Fetch::unusable : meaning_of(ending.how).fetch;
  if (count) ++(fetch_->*count);
  const bool is_legacy = shape_ == StreamShape::kWholeDag;
  if (ending.how == Outcome::kSilent && is_legacy) ++fetch_->silent_legacy;
  fetch_->prefers_exact |= is_unusable(ending);
  count_tries(ending);
  remember_source(ending);
  const bool lacks_root = daphnis::broker::lacks_root(ending, *fetch_, l2);
  if (!ending.is_told_not_found()) return;
  ++fetch_->said_not_found;
  fetch_->said_no_root += lacks_root ? 1 : 0;
}

void Attempt::count_tries(const AttemptEnding& ending) const {
  if (ending.report) fetch_->tries.add_progress(ending.report->used_bytes, context_.settings);
  const auto count = meaning_of(ending.how).fetch;
  if (!count || count == &Fetch::not_found) return;
  if (is_unusable(ending)) {
    fetch_->tries.count_in_all();
    return;
  }
  // Nothing was lost by a silence while another L2 delivered.
  if (ending.how == Outcome::kSilent && is_streaming(*fetch_)) return;
  fetch_->tries.count();
}

void Attempt::remember_source(const AttemptEnding& ending) const {
  if (ending.how == Outcome::kLied) {
    fetch_->past_sources.add_liar(l2_id_);
  } else if (ending.how == Outcome::kNotFound) {
    fetch_->past_sources.forget(l2_id_);
  } else if (ending.report) {
    const bool lost_a_race = !meaning_of(ending.how).fetch && is_streaming(*fetch_);
    const uint64_t proven = ending.report->blocks_proven;
    if (proven > 0 || lost_a_race) fetch_->past_sources.add(l2_id_, proven);
  }
}

void Attempt::log_end(const AttemptEnding& ending) const {
  if (ending.how == Outcome::kLied && is_anonymous_) {
    log(LogLevel::kInfo, "bad_answer_without_id");
  } else if (ending.how == Outcome::kLied) {
    log(LogLevel::kWarn, name_of(ending.how));
  } else if (ending.how == Outcome::kSilent || ending.is_told_not_found()) {
    log(LogLevel::kDebug, name_of(ending.how));
  }
}

void Attempt::log(LogLevel level, std::string_view outcome) const {
  const AttemptLine said{.outcome = outcome, .number = number(), .attempt = id_, .l2 = l2_};
  log_attempt(level, *fetch_, said, context_, registrations_);
}

bool is_streaming(const Fetch& fetch) {
  return std::ranges::any_of(fetch.attempts, [](const Attempt* attempt) {
    return attempt->state() == Attempt::State::kHandedOff;
  });
}

void log_attempt(LogLevel level, const Fetch& fetch, const AttemptLine& said, Context& context,
                 const Registrations& registrations) {
  if (!context.out.logs(level)) return;
  LogLine line("attempt");
  line.add("outcome", said.outcome).add("trace", fetch.trace_id).add("number", said.number);
  if (said.number > 0) {
    const L2* l2 = registrations.registry().find(said.l2);
    line.add("attempt", text_of(said.attempt)).add("l2", l2 ? l2->id() : "gone");
  }
  context.out.log(level, std::move(line.add("root", fetch.request.root.text())));
}

}  // namespace daphnis::broker
