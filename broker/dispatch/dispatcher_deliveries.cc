#include <algorithm>
#include <utility>

#include "broker/dispatch/dispatcher.h"
#include "common/base/check.h"

/// The part of the dispatcher for deliveries: the POSTs of L2s, and the ends that workers report.
namespace daphnis::broker {
namespace {

/// Notes a delivery without an id that came to nothing, so that its L2 is asked once more.
void note_anonymous(Fetch& fetch, L2No no) {
  fetch.delivered_for.push_back(no);
  ++fetch.unheard;
}

}  // namespace

Dispatcher::Decision Dispatcher::on_delivery(const Uuid& attempt_id, const Cid& root,
                                             std::optional<NotFound> not_found, bool is_anonymous,
                                             uint64_t now_ms) {
  Counters& counters = context_.counters;
  Attempt* attempt = attempts_.find(attempt_id);
  if (!attempt) {
    const auto end = attempts_.finished(attempt_id, now_ms);
    ++(!end                            ? counters.deliveries_unknown
       : end == AttemptEnd::kCancelled ? counters.deliveries_late
                                       : counters.deliveries_double);
    if (!end) return {Verdict::kUnknown};
    return {end == AttemptEnd::kCancelled ? Verdict::kCancelled : Verdict::kDelivered};
  }
  if (attempt->state == Attempt::State::kHandedOff) {
    ++counters.deliveries_double;
    return {Verdict::kDelivered};
  }
  Fetch* fetch = find(attempt->fetch);
  check(fetch != nullptr, "an ordered attempt has no fetch");
  if (!fetch->request.root.names_same_block(root)) {
    // The attempt stays open, since a POST for another root may be a mistake of anybody.
    ++counters.deliveries_wrong_root;
    return {Verdict::kWrongRoot};
  }
  counters.first_byte.record(now_ms - attempt->ordered_ms);
  counters.first_byte_second.record(now_ms - attempt->ordered_ms);
  attempt->is_anonymous = is_anonymous;
  if (!not_found) return {Verdict::kHandOff, attempt};
  if (is_anonymous) {
    ++counters.not_found;
    note_anonymous(*fetch, attempt->l2);
  } else {
    if (attempt->needs_id) --fetch->unheard;
    take_not_found(*fetch, attempt->l2, *not_found);
  }
  if (context_.out.logs(LogLevel::kDebug)) log_attempt(LogLevel::kDebug, *fetch, "not_found");
  end_attempt(attempt_id, AttemptEnd::kDelivered, now_ms);
  find_candidate(*fetch, now_ms);
  return {Verdict::kNotFound};
}

/// Strikes the holding only where the L2 lacks the root itself. An L2 that holds a part of the DAG
/// still serves requests within that part.
void Dispatcher::take_not_found(Fetch& fetch, L2No no, NotFound what) {
  ++context_.counters.not_found;
  ++fetch.not_found;
  L2* l2 = registrations_.registry().find(no);
  if (!l2) return;
  ++l2->tally.not_found;
  const bool was_asked_root_alone =
      l2->capabilities().reads_whole_requests && fetch.asks_root_alone();
  const bool lacks_root =
      what == NotFound::kRoot || (what == NotFound::kUnspecified && was_asked_root_alone);
  if (lacks_root) registrations_.holdings().remove(no, fetch.key);
}

std::optional<Uuid> Dispatcher::only_attempt(const std::string& address, const Cid& root) {
  std::optional<Uuid> only;
  for (const L2No no : registrations_.registry().at_address(address)) {
    for (const Uuid& id : registrations_.registry().find(no)->attempts) {
      const Attempt* attempt = attempts_.find(id);
      if (attempt->state != Attempt::State::kOrdered || attempt->needs_id) continue;
      if (!find(attempt->fetch)->request.root.names_same_block(root)) continue;
      if (only) return std::nullopt;
      only = id;
    }
  }
  return only;
}

ipc::Handoff Dispatcher::hand_off(const Uuid& attempt_id, uint64_t) {
  Attempt* attempt = attempts_.find(attempt_id);
  check(attempt && attempt->state == Attempt::State::kOrdered, "this attempt cannot be handed off");
  Fetch* fetch = find(attempt->fetch);
  const L2* l2 = registrations_.registry().find(attempt->l2);
  check(fetch && l2, "an ordered attempt has no fetch or no L2");
  ++context_.counters.handoffs;
  attempt->state = Attempt::State::kHandedOff;
  fetch->state = Fetch::State::kStreaming;
  context_.timers.clear(fetch->timer, TimerKind::kFetch, static_cast<uint64_t>(fetch->no));
  return {.fetch_id = static_cast<uint64_t>(fetch->worker_fetch_id),
          .attempt_id = attempt_id,
          .shape = l2->capabilities().stream_shape,
          .attempt_number = static_cast<uint32_t>(fetch->asked.size()),
          .l2_id = l2->id(),
          .admission = cache_.admission(fetch->request_key),
          .received = {}};
}

void Dispatcher::refuse_hand_off(const Uuid& attempt_id, uint64_t now_ms) {
  ++context_.counters.handoffs_refused;
  Fetch* fetch = find(attempts_.find(attempt_id)->fetch);
  check(fetch != nullptr, "an ordered attempt has no fetch");
  ++fetch->lost;
  end_attempt(attempt_id, AttemptEnd::kDelivered, now_ms);
  find_candidate(*fetch, now_ms);
}

bool Dispatcher::on_handoff_taken(WorkerId worker, const Uuid& attempt_id) {
  Attempt* attempt = attempts_.find(attempt_id);
  const bool counted = attempt && attempt->worker == worker &&
                       attempt->state == Attempt::State::kHandedOff && !attempt->is_taken;
  if (counted) attempt->is_taken = true;
  return counted;
}

bool Dispatcher::on_attempt_ended(WorkerId worker, const ipc::AttemptEnded& message,
                                  uint64_t now_ms) {
  const Attempt* attempt = attempts_.find(message.attempt_id);
  const bool is_its =
      attempt && attempt->worker == worker && attempt->state == Attempt::State::kHandedOff;
  if (!is_its) return false;
  const bool counted = !attempt->is_taken;
  const FetchNo fetch_no = attempt->fetch;
  ++context_.counters.outcomes[static_cast<size_t>(message.outcome)];
  L2* l2 = registrations_.registry().find(attempt->l2);
  if (l2 && !attempt->is_anonymous) tally(*l2, message, now_ms);
  Fetch* fetch = find(fetch_no);
  const bool is_current =
      fetch && fetch->state == Fetch::State::kStreaming && fetch->attempt == message.attempt_id;
  if (is_current && attempt->is_anonymous) {
    note_anonymous(*fetch, attempt->l2);
    if (message.outcome == ipc::AttemptOutcome::kVerifyFailed) {
      log_attempt(LogLevel::kInfo, *fetch, "bad_answer_without_id");
    }
  } else if (is_current) {
    if (attempt->needs_id) --fetch->unheard;
    blame(*fetch, message.outcome);
  }
  end_attempt(message.attempt_id, AttemptEnd::kDelivered, now_ms);
  if (is_current) on_streamed(*fetch, message, now_ms);
  return counted;
}

void Dispatcher::blame(Fetch& fetch, ipc::AttemptOutcome outcome) {
  switch (outcome) {
    case ipc::AttemptOutcome::kNotFound:
      ++context_.counters.not_found;
      ++fetch.not_found;
      break;
    case ipc::AttemptOutcome::kVerifyFailed:
      registrations_.holdings().remove(fetch.l2, fetch.key);
      ++fetch.failed;
      log_attempt(LogLevel::kWarn, fetch, "verify_failed");
      break;
    case ipc::AttemptOutcome::kAborted:
      ++fetch.failed;
      break;
    case ipc::AttemptOutcome::kLost:
      ++fetch.lost;
      break;
    case ipc::AttemptOutcome::kStalled:
      ++fetch.silent;
      break;
    case ipc::AttemptOutcome::kComplete:
    case ipc::AttemptOutcome::kCancelled:
      break;
  }
}

/// Moves the fetch on after its stream has ended.
void Dispatcher::on_streamed(Fetch& fetch, const ipc::AttemptEnded& message, uint64_t now_ms) {
  if (message.outcome == ipc::AttemptOutcome::kComplete) {
    ++context_.counters.fetches_served;
    if (fetch.asked.size() == 1) ++context_.counters.attempts_first_hit;
  }
  const bool is_failure = message.outcome != ipc::AttemptOutcome::kComplete;
  if (is_failure && message.wants_another) {
    // The deadline is for the first block. After proven blocks the next L2 gets the whole time
    // again.
    if (message.blocks_proven > 0) fetch.deadline_ms = now_ms + fetch.patience_ms;
    find_candidate(fetch, now_ms);
    return;
  }
  if (message.outcome == ipc::AttemptOutcome::kCancelled) {
    ++context_.counters.fetches_cancelled;
  } else if (is_failure) {
    ++context_.counters.fetches_given_up;
  }
  erase(fetch, is_failure ? FetchEnd::How::kOver : FetchEnd::How::kServed);
}

void Dispatcher::tally(L2& l2, const ipc::AttemptEnded& message, uint64_t now_ms) {
  l2.tally.car_bytes += message.body_bytes;
  switch (message.outcome) {
    case ipc::AttemptOutcome::kComplete:
      ++l2.tally.complete;
      break;
    case ipc::AttemptOutcome::kNotFound:
      ++l2.tally.not_found;
      break;
    case ipc::AttemptOutcome::kVerifyFailed:
      ++l2.tally.lied;
      l2.suspect_until_ms = now_ms + context_.settings.suspect_ms;
      break;
    case ipc::AttemptOutcome::kAborted:
      ++l2.tally.failed;
      break;
    case ipc::AttemptOutcome::kStalled:
      ++l2.tally.silent;
      break;
    case ipc::AttemptOutcome::kCancelled:
      ++l2.tally.cancelled;
      break;
    case ipc::AttemptOutcome::kLost:
      break;  // The fault is this edge's own.
  }
}

}  // namespace daphnis::broker
