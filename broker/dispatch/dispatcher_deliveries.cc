#include <algorithm>
#include <utility>

#include "broker/dispatch/dispatcher.h"
#include "common/base/check.h"

/// The part of the dispatcher for deliveries: the POSTs of L2s, and the ends that workers report.
namespace daphnis::broker {
namespace {

/// What the L2 lacks; nothing where it does not say that it lacks anything.
std::optional<NotFound> not_found_of(ipc::DirectSays says) {
  switch (says) {
    case ipc::DirectSays::kLacksRoot:
      return NotFound::kRoot;
    case ipc::DirectSays::kLacksBlock:
      return NotFound::kBlock;
    case ipc::DirectSays::kLacks:
      return NotFound::kUnspecified;
    case ipc::DirectSays::kCar:
    case ipc::DirectSays::kLate:
    case ipc::DirectSays::kAcknowledgesCancel:
    case ipc::DirectSays::kIsOther:
    case ipc::DirectSays::kInClear:
      break;
  }
  return std::nullopt;
}

}  // namespace

Dispatcher::Decision Dispatcher::on_delivery(const Uuid& attempt_id, const Cid& root,
                                             std::optional<NotFound> not_found, bool is_anonymous,
                                             uint64_t now_ms) {
  Attempt* attempt = attempts_.find(attempt_id);
  if (!attempt) return decide_finished(attempt_id, now_ms);
  if (attempt->state() == Attempt::State::kHandedOff) {
    ++context_.counters.deliveries_double;
    return {Verdict::kDelivered};
  }
  Fetch* fetch = attempt->fetch();
  check(fetch != nullptr, "an ordered attempt has no fetch");
  if (!fetch->request.root.names_same_block(root)) {
    // The attempt stays open, since a POST for another root may be a mistake of anybody.
    ++context_.counters.deliveries_wrong_root;
    return {Verdict::kWrongRoot};
  }
  attempt->deliver(is_anonymous, now_ms);
  if (!not_found) return {Verdict::kHandOff, attempt};
  end_attempt(*attempt, {.how = Outcome::kNotFound, .lacks = *not_found}, now_ms);
  go_on(*fetch, now_ms);
  return {Verdict::kNotFound};
}

Dispatcher::Decision Dispatcher::decide_finished(const Uuid& attempt_id, uint64_t now_ms) {
  static_cast<void>(settle(attempt_id, Registrations::Answer::kPost, now_ms));
  const auto was_delivered = attempts_.was_delivered(attempt_id, now_ms);
  if (!was_delivered) {
    ++context_.counters.deliveries_unknown;
    return {Verdict::kUnknown};
  }
  ++(*was_delivered ? context_.counters.deliveries_double : context_.counters.deliveries_late);
  return {*was_delivered ? Verdict::kDelivered : Verdict::kCancelled};
}

bool Dispatcher::settle(const Uuid& attempt_id, Registrations::Answer answer, uint64_t now_ms) {
  L2* l2 = registrations_.settle(attempt_id, answer, now_ms);
  if (!l2) return false;
  serve_queue(*l2, now_ms);
  return true;
}

std::optional<Uuid> Dispatcher::only_attempt(const std::string& address, const Cid& root) {
  std::optional<Uuid> only;
  for (const L2No no : registrations_.registry().at_address(address)) {
    const L2* l2 = registrations_.registry().find(no);
    // The address of who has proven its id says less of a delivery than the id of its order.
    if (l2->is_proven()) continue;
    for (const Uuid& id : l2->places.attempts()) {
      const Attempt* attempt = attempts_.find(id);
      if (attempt->state() != Attempt::State::kOrdered || attempt->needs_id()) continue;
      if (!attempt->fetch()->request.root.names_same_block(root)) continue;
      if (only) return std::nullopt;
      only = id;
    }
  }
  return only;
}

const L2* Dispatcher::asked_of(const Uuid& attempt_id) {
  const Attempt* attempt = attempts_.find(attempt_id);
  return attempt ? registrations_.registry().find(attempt->l2()) : nullptr;
}

ipc::Handoff Dispatcher::hand_off(const Uuid& attempt_id, uint64_t) {
  Attempt* attempt = attempts_.find(attempt_id);
  check(attempt != nullptr, "an unknown attempt is handed off");
  const Fetch* fetch = attempt->fetch();
  const L2* l2 = registrations_.registry().find(attempt->l2());
  check(fetch && l2, "an ordered attempt has no fetch or no L2");
  attempt->hand_off();
  return {.fetch_id = static_cast<uint64_t>(fetch->worker_fetch_id),
          .attempt_id = attempt_id,
          .shape = l2->capabilities().stream_shape,
          .attempt_number = attempt->number(),
          .l2_id = l2->id(),
          .admission = admission_of(*fetch),
          .received = {}};
}

ipc::Admission Dispatcher::admission_of(const Fetch& fetch) const {
  return fetch.is_alone ? ipc::Admission::kNo : cache_.admission(fetch.request_key);
}

void Dispatcher::on_direct_delivery(WorkerId worker, const ipc::DirectDelivery& message,
                                    uint64_t now_ms) {
  Attempt* attempt = attempts_.find(message.attempt_id);
  if (attempt && attempt->worker() != worker) return;
  if (message.says == ipc::DirectSays::kIsOther) {
    ++context_.counters.deliveries_of_others;
    return;
  }
  if (message.says == ipc::DirectSays::kInClear) {
    ++context_.counters.deliveries_in_clear;
    return;
  }
  const bool is_acknowledged = message.says == ipc::DirectSays::kAcknowledgesCancel;
  if (is_acknowledged && settle(message.attempt_id, Registrations::Answer::kAcknowledges, now_ms)) {
    return;
  }
  if (!attempt) {
    static_cast<void>(decide_finished(message.attempt_id, now_ms));
    return;
  }
  if (!attempt->is_told()) {
    ++context_.counters.deliveries_double;  // Its Handoff is on its way.
    return;
  }
  Fetch* fetch = attempt->fetch();
  check(fetch != nullptr, "an ordered attempt has no fetch");
  attempt->deliver_directly(message.says == ipc::DirectSays::kCar, now_ms);
  if (message.says == ipc::DirectSays::kCar) return;
  if (const auto lacks = not_found_of(message.says)) {
    end_attempt(*attempt, {.how = Outcome::kNotFound, .lacks = *lacks}, now_ms);
  } else {
    end_attempt(*attempt, {.how = Outcome::kCancelled}, now_ms);
  }
  go_on(*fetch, now_ms);
}

void Dispatcher::on_attempt_question(WorkerId worker, const ipc::AttemptQuestion& question,
                                     uint64_t now_ms) {
  const Attempt* attempt = attempts_.find(question.attempt_id);
  const bool was_told = attempt && attempt->worker() == worker && attempt->is_told();
  const bool is_known = attempt || attempts_.was_delivered(question.attempt_id, now_ms).has_value();
  if (!is_known) ++context_.counters.deliveries_unknown;
  context_.tell(worker, ipc::AttemptAnswer{question.attempt_id, is_known && !was_told});
}

void Dispatcher::refuse_hand_off(const Uuid& attempt_id, uint64_t now_ms) {
  Attempt* attempt = attempts_.find(attempt_id);
  check(attempt && attempt->fetch(), "an ordered attempt has no fetch");
  Fetch* fetch = attempt->fetch();
  end_attempt(*attempt, {.how = Outcome::kHandOffRefused}, now_ms);
  go_on(*fetch, now_ms);
}

bool Dispatcher::on_handoff_taken(WorkerId worker, const Uuid& attempt_id) {
  Attempt* attempt = attempts_.find(attempt_id);
  return attempt && attempt->worker() == worker && attempt->take();
}

bool Dispatcher::on_attempt_ended(WorkerId worker, const ipc::AttemptEnded& message,
                                  uint64_t now_ms) {
  Attempt* attempt = attempts_.find(message.attempt_id);
  const bool is_its =
      attempt && attempt->worker() == worker && attempt->state() == Attempt::State::kHandedOff;
  if (!is_its) return false;
  const bool counted = attempt->awaits_taking();
  Fetch* fetch = attempt->fetch();
  const bool was_hedge = attempt->is_hedge();
  end_attempt(*attempt, AttemptEnding::reported(message), now_ms);
  if (fetch) on_streamed(*fetch, message, was_hedge, now_ms);
  return counted;
}

void Dispatcher::on_links(WorkerId worker, const ipc::Links& message) {
  const Attempt* attempt = attempts_.find(message.attempt_id);
  const bool is_its =
      attempt && attempt->worker() == worker && attempt->state() == Attempt::State::kHandedOff;
  // What came without an id may be anybody's, and says nothing of the L2.
  const bool may_learn =
      is_its && !attempt->is_anonymous() && context_.settings.descent != RuleMode::kOff;
  L2* l2 = may_learn ? registrations_.registry().find(attempt->l2()) : nullptr;
  if (!l2) return;
  // Who asks for the links next comes before the attempt's end does, and waits for no stranger.
  registrations_.health().note_deed(l2->health->no());
  registrations_.strangers().update(*l2);
  for (const uint64_t key : message.keys) {
    if (!descent_.learn(key, l2->no, l2->network)) continue;
    ++context_.counters.descent_learnt;
    if (context_.settings.descent == RuleMode::kOn) {
      context_.counters.absences_linked += absences_.forget(key);
    }
  }
}

bool Dispatcher::waits_for_links(const CarRequest& request) const {
  if (!asks_for_one_block(request) || context_.settings.descent == RuleMode::kOff) return false;
  const uint64_t key = key_of_multihash(request.root);
  if (absences_.may_have(key)) return true;  // A link takes it back.
  const bool tells_strangers = context_.settings.claims == RuleMode::kOn;
  const bool has_holder = std::ranges::any_of(registrations_.holdings().holders(key), [&](L2No no) {
    return !tells_strangers || !std::as_const(registrations_).registry().find(no)->is_stranger();
  });
  return !has_holder && registrations_.claims().provers(key).empty() &&
         descent_.provers(key).empty();
}

void Dispatcher::note_denied(const Fetch& fetch, const ipc::DeniedBy& by, uint64_t now_ms) {
  const auto line = context_.denials.note(by, fetch.request.root, now_ms);
  if (line) context_.out.log(LogLevel::kInfo, *line);
}

void Dispatcher::strike_prover(const Attempt& attempt, const AttemptEnding& ending) {
  const bool is_failure = ending.how == Outcome::kNotFound || ending.how == Outcome::kSilent ||
                          ending.how == Outcome::kStalled || ending.how == Outcome::kAborted ||
                          ending.how == Outcome::kLied;
  // An L2 that lacks a block below may have the one that is linked to.
  const bool has_root = ending.is_told_not_found() && ending.lacks == NotFound::kBlock;
  const Fetch* fetch = attempt.fetch();
  if (!fetch || attempt.is_anonymous() || !is_failure || has_root) return;
  if (descent_.strike(fetch->key, attempt.l2())) ++context_.counters.descent_struck;
}

/// Moves the fetch on after one of its streams has ended.
void Dispatcher::on_streamed(Fetch& fetch, const ipc::AttemptEnded& message, bool was_hedge,
                             uint64_t now_ms) {
  if (message.wants_another) fetch.resume = message.resume;
  if (message.outcome == Outcome::kComplete) {
    ++context_.counters.fetches_served;
    if (fetch.orders == 1) ++context_.counters.attempts_first_hit;
    if (was_hedge) ++context_.counters.hedges_won;
    note_content(fetch, message.proves_path_missing);
  }
  if (message.denied_by.rule != 0) {
    // Those that follow it hear of it at once.
    ++context_.counters.denied_blocks;
    context_.denials.remember(fetch.request_key, message.denied_by);
    note_denied(fetch, message.denied_by, now_ms);
    take_back(fetch, Outcome::kCancelled, now_ms);
    return erase(fetch, FetchEnd::How::kFailed, outcome_of(denial_of(message.denied_by)));
  }
  const bool is_failure = message.outcome != Outcome::kComplete;
  if (is_failure && message.wants_another) {
    // The deadline is for the first block. After proven blocks the next L2 gets the whole time
    // again.
    if (message.blocks_proven > 0) {
      fetch.deadline_ms = now_ms + fetch.patience_ms;
      fetch.is_in_mid_answer = true;
    }
    go_on(fetch, now_ms);
    return;
  }
  const bool is_yielded = message.outcome == Outcome::kYielded;
  // The worker reads on in another stream: it wants no more of this one alone. A fetch yields with
  // all of its streams.
  if (is_failure && !is_yielded && is_streaming(fetch)) return;
  if (is_yielded) {
    ++context_.counters.fetches_yielded;
  } else if (message.outcome == Outcome::kCancelled) {
    ++context_.counters.fetches_cancelled;
  } else if (is_failure) {
    ++context_.counters.fetches_given_up;
  }
  take_back(fetch, Outcome::kCancelled, now_ms);
  if (!is_failure && message.proves_path_missing) {
    // Those that follow it hear of it at once, since no other stream can say anything else.
    return erase(fetch, FetchEnd::How::kFailed, Outcome::kPathNotFound);
  }
  erase(fetch, is_failure ? FetchEnd::How::kOver : FetchEnd::How::kServed);
}

}  // namespace daphnis::broker
