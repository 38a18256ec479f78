#include "broker/dispatch/dispatcher.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {

bool Dispatcher::on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const WorkerFetchId worker_fetch_id{message.fetch_id};
  if (fetches_.contains(worker, worker_fetch_id)) return false;
  if (is_draining_ || has_too_many_fetches(now_ms)) {
    context_.counters.fetches_shed += is_draining_ ? 0 : 1;
    refuse(worker, worker_fetch_id, is_draining_ ? Outcome::kDraining : Outcome::kOverloaded, 0);
    ended_.push_back({.worker = worker,
                      .worker_fetch_id = worker_fetch_id,
                      .how = FetchEnd::How::kFailed,
                      .reason = is_draining_ ? Outcome::kDraining : Outcome::kOverloaded});
    return true;
  }
  const uint64_t patience_ms =
      std::min<uint64_t>(message.deadline_ms, context_.settings.fetch_deadline_ms_max);
  Fetch& fetch = fetches_.add(worker, std::move(message));
  fetch.patience_ms = patience_ms;
  fetch.deadline_ms = now_ms + patience_ms;
  if (const auto by = context_.denials.find(fetch.request_key)) {
    ++context_.counters.denied_again;
    note_denied(fetch, *by, now_ms);
    give_up(fetch, outcome_of(denial_of(*by)));
  } else if (const auto absent = known_absence(fetch, now_ms)) {
    give_up(fetch, *absent);
  } else {
    find_candidate(fetch, now_ms);
  }
  return true;
}

/// At the bound, or since a broker that is busy all the time would serve a further one too late.
bool Dispatcher::has_too_many_fetches(uint64_t now_ms) {
  const size_t under_way = fetches_.size();
  if (under_way >= context_.settings.fetches_max) return true;
  if (!context_.busy_us || !busy_limit_.is_over(under_way, now_ms, context_.busy_us)) return false;
  ++context_.counters.fetches_shed_busy;
  return busy_limit_.is_on();
}

void Dispatcher::give_up_for_lack(Fetch& fetch, const Choice& choice, bool was_complete,
                                  uint64_t now_ms) {
  context_.counters.strangers_passed_over += choice.strangers_passed_over;
  if (choice.has_liars) {
    ++context_.counters.liars_passed_over;
    ++fetch.failed;  // As if they had been asked and lied again.
  }
  const bool is_for_wait = choice.is_crowded && choice.wait_ms > 0;
  context_.counters.queues_full += choice.is_crowded && !is_for_wait ? 1 : 0;
  context_.counters.queue_waits_refused += is_for_wait ? 1 : 0;
  const Outcome reason = failure_of(fetch, choice.is_crowded);
  if (reason == Outcome::kNotFound) remember_absence(fetch, was_complete, now_ms);
  const bool says_wait = is_for_wait && reason == Outcome::kOverloaded;
  const uint64_t wait_s = (choice.wait_ms + 999) / 1'000;
  give_up(fetch, reason,
          says_wait ? static_cast<uint32_t>(std::min<uint64_t>(wait_s, kQueueRetryAfterSMax)) : 0);
}

/// Decides by DESIGN 2, step 9.
Outcome Dispatcher::failure_of(const Fetch& fetch, bool is_crowded) const {
  if (is_draining_) return Outcome::kDraining;
  if (fetch.asked.empty() && registrations_.registry().size() == 0) return Outcome::kNoL2;
  if (fetch.lost > 0) return Outcome::kOverloaded;  // An L2 did its part; we did not.
  if (fetch.failed > 0) return Outcome::kL2sFailed;
  // An L2 for which only somebody else delivered has been silent itself.
  if (fetch.silent > 0 || !fetch.unheard.empty()) {
    return is_silence_not_found(fetch, is_crowded) ? Outcome::kNotFound : Outcome::kSilent;
  }
  if (fetch.unusable > 0) return Outcome::kOverloaded;  // The content is there.
  if (is_crowded || fetch.asked.empty()) return Outcome::kOverloaded;
  // Who proved the root before is the likeliest to have it.
  const ProverTable::Provers provers = registrations_.claims().provers(fetch.key);
  if (fetch.were_all_asked(provers)) return Outcome::kNotFound;
  ++context_.counters.deeds_unasked;
  return Outcome::kOverloaded;
}

/// Decides whether silence says that nobody has the content. Deployed L2s do not say not-found. Of
/// a single block that no L2 announced, and that no proven block links to, a client that walks a
/// DAG is to learn that it is nowhere, and not to try again.
bool Dispatcher::is_silence_not_found(const Fetch& fetch, bool is_crowded) const {
  const bool is_one_block =
      fetch.request.format == AnswerFormat::kRaw || fetch.request.scope == DagScope::kBlock;
  const bool is_mere_silence = fetch.silent == fetch.silent_legacy && fetch.unheard.empty() &&
                               fetch.unusable == 0 && !is_crowded;
  const RuleMode mode = context_.settings.descent;
  if (mode == RuleMode::kOff || !is_one_block || fetch.is_known || !is_mere_silence) return false;
  ++context_.counters.silences_not_found;
  return mode == RuleMode::kOn;
}

void Dispatcher::start_attempt(Fetch& fetch, L2& l2, uint64_t now_ms) {
  const Uuid id = uuid_v4(context_.random());
  const bool is_asked_again =
      std::ranges::find(fetch.delivered_for, l2.no) != fetch.delivered_for.end();
  stop_awaiting(fetch);
  std::erase(fetch.to_ask_again, l2.no);
  Attempt& attempt =
      attempts_.add(std::make_unique<Attempt>(id, is_asked_again, registrations_, context_));
  attempt.order(fetch, l2, std::min(now_ms + patience_with(l2, now_ms), fetch.deadline_ms), now_ms);
  std::string data_url;
  const Registration& its = l2.registration;
  if (l2.capabilities().reads_whole_requests) {
    data_url = context_.data_addresses.url_of(
        fetch.worker,
        {.host = its.dialled_host, .over_tls = its.over_tls, .is_certified = its.is_certified});
  }
  if (!data_url.empty()) attempt.tell_worker(admission_of(fetch), its);
  registrations_.order(l2,
                       {.attempt_id = id,
                        .request = fetch.request,
                        .trace_id = fetch.trace_id,
                        .left_ms = fetch.deadline_ms - now_ms,
                        .skip = fetch.resume.skip,
                        .next = fetch.resume.next,
                        .data_url = data_url},
                       now_ms);
  attempt.log(LogLevel::kDebug, "ordered");
}

void Dispatcher::wait_for(Fetch& fetch, const Choice& choice, uint64_t now_ms) {
  check(fetch.attempts.empty(), "a fetch with attempts under way waits for a place");
  L2& l2 = *choice.l2;
  stop_awaiting(fetch);
  std::erase(fetch.to_ask_again, l2.no);
  ++context_.counters.fetches_queued;
  ++waiting_;
  fetch.was_queued = true;
  fetch.waits_for = fetch.last_l2 = l2.no;
  l2.waiting.push_back(fetch.no);
  places_wanted_.say(l2, now_ms);
  uint64_t patience_ms = fetch.deadline_ms - now_ms;
  if (fetch.past_sources.has(l2.id())) {
    ++context_.counters.holders_awaited;
    patience_ms = std::min(patience_ms, context_.settings.lost_holder_wait_ms);
  }
  // Strangers that are silent hold back the others of their network for long.
  if (l2.is_held_back()) {
    registrations_.strangers().wait(l2);
    patience_ms = std::min(patience_ms, context_.settings.first_byte_last_ms);
  }
  fetch.wait_until_ms = now_ms + patience_ms;
  // An L2 that is behind would not read an order, so it gets as long as a silent one.
  if (choice.is_behind) patience_ms = std::min(patience_ms, context_.settings.first_byte_ms);
  context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no),
                      now_ms + patience_ms);
}

void Dispatcher::end_wait(Fetch& fetch, uint64_t now_ms) {
  const L2* l2 = registrations_.registry().find(*fetch.waits_for);
  check(l2 != nullptr, "a fetch waits for an L2 that is gone");
  if (now_ms < fetch.wait_until_ms && !l2->is_behind(now_ms)) {
    // The L2 reads again and lacks only a free place, so the fetch waits as for any L2.
    context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no),
                        fetch.wait_until_ms);
    return;
  }
  leave_queue(fetch);
  if (now_ms >= fetch.wait_until_ms) {
    give_up(fetch, failure_of(fetch, true));
    return;
  }
  ++fetch.silent;
  fetch.tries.count();
  fetch.note_asked(l2->no);
  find_candidate(fetch, now_ms);
}

void Dispatcher::leave_queue(Fetch& fetch) {
  L2* l2 = registrations_.registry().find(*fetch.waits_for);
  check(l2 != nullptr, "a fetch waits for an L2 that is gone");
  std::erase(l2->waiting, fetch.no);
  forget_wait(fetch);
}

void Dispatcher::forget_wait(Fetch& fetch) {
  context_.timers.clear(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no));
  fetch.waits_for.reset();
  --waiting_;
}

void Dispatcher::serve_queue(L2& l2, uint64_t now_ms) {
  while (!l2.waiting.empty() && l2.has_free_place() && !l2.is_behind(now_ms) && !l2.is_given_up &&
         !is_draining_) {
    Fetch* fetch = fetches_.find(l2.waiting.front());
    check(fetch != nullptr, "a fetch that is gone waits for an L2");
    l2.waiting.pop_front();
    forget_wait(*fetch);
    if (registrations_.health().is_barred(*l2.health, fetch->key, now_ms)) {
      find_candidate(*fetch, now_ms);  // It has lied about this root since.
    } else {
      start_attempt(*fetch, l2, now_ms);
    }
  }
  if (!l2.waiting.empty() && l2.is_held_back()) registrations_.strangers().wait(l2);
}

void Dispatcher::on_places_timer(L2No no, uint64_t now_ms) {
  if (L2* l2 = registrations_.on_places_timer(no, now_ms)) serve_queue(*l2, now_ms);
}

void Dispatcher::end_attempt(Attempt& attempt, const AttemptEnding& ending, uint64_t now_ms) {
  const Uuid id = attempt.id();  // finish() destroys the attempt.
  L2* l2 = registrations_.registry().find(attempt.l2());
  if (attempt.fetch()) count_fruitless(*attempt.fetch(), ending, now_ms);
  strike_prover(attempt, ending);
  attempt.end(ending, now_ms);
  const bool was_delivered = attempt.was_delivered();
  attempts_.finish(attempt, now_ms);
  if (l2 && !was_delivered) registrations_.cancel(*l2, id, now_ms);
  if (l2) serve_queue(*l2, now_ms);
  for (L2* readmitted : registrations_.take_readmitted()) serve_queue(*readmitted, now_ms);
}

void Dispatcher::give_up(Fetch& fetch, Outcome reason, uint32_t retry_after_s) {
  log_last_attempt(fetch, "given_up");
  refuse(fetch.worker, fetch.worker_fetch_id, reason, fetch.orders, retry_after_s);
  erase(fetch, FetchEnd::How::kFailed, reason);
}

void Dispatcher::log_last_attempt(const Fetch& fetch, std::string_view outcome) {
  log_attempt(LogLevel::kDebug, fetch,
              {.outcome = outcome,
               .number = fetch.orders,
               .attempt = fetch.last_attempt,
               .l2 = fetch.last_l2},
              context_, registrations_);
}

void Dispatcher::refuse(WorkerId worker, WorkerFetchId worker_fetch_id, Outcome reason,
                        size_t attempts, uint32_t retry_after_s) {
  ++context_.counters.fetches_failed[reason];
  const bool may_help_to_retry = reason != Outcome::kNotFound && reason != Outcome::kL2sFailed &&
                                 reason != Outcome::kPathNotFound && reason != Outcome::kDenied &&
                                 reason != Outcome::kDeniedLegally;
  if (retry_after_s == 0) retry_after_s = context_.settings.retry_after_s;
  const ipc::FetchFailed message{.fetch_id = static_cast<uint64_t>(worker_fetch_id),
                                 .reason = reason,
                                 .attempts = static_cast<uint32_t>(attempts),
                                 .retry_after_s = may_help_to_retry ? retry_after_s : 0};
  context_.tell(worker, message);
}

void Dispatcher::erase(Fetch& fetch, FetchEnd::How how, Outcome reason) {
  ended_.push_back({.worker = fetch.worker,
                    .worker_fetch_id = fetch.worker_fetch_id,
                    .how = how,
                    .reason = reason,
                    .attempts = fetch.orders});
  stop_awaiting(fetch);
  for (Attempt* attempt : fetch.attempts) attempt->leave_fetch();
  fetches_.erase(fetch);
}

void Dispatcher::take_back(Fetch& fetch, Outcome how, uint64_t now_ms) {
  if (fetch.waits_for) leave_queue(fetch);
  for (Attempt* attempt : std::vector<Attempt*>(fetch.attempts)) {
    if (attempt->state() == Attempt::State::kOrdered) end_attempt(*attempt, {.how = how}, now_ms);
  }
}

/// Ends a fetch that its worker wants no more. A handed-off attempt stays until the worker reports
/// its end.
void Dispatcher::abandon(Fetch& fetch, uint64_t now_ms) {
  ++context_.counters.fetches_cancelled;
  take_back(fetch, Outcome::kCancelled, now_ms);
  erase(fetch, FetchEnd::How::kOver);
}

void Dispatcher::on_cancel(WorkerId worker, WorkerFetchId worker_fetch_id, uint64_t now_ms) {
  if (Fetch* fetch = fetches_.find(worker, worker_fetch_id)) abandon(*fetch, now_ms);
}

void Dispatcher::on_worker_gone(WorkerId worker, uint64_t now_ms) {
  std::vector<Fetch*> orphans = fetches_.of_worker(worker);
  // Waiting fetches end first, lest they be given the places that the others leave.
  std::ranges::stable_partition(orphans, [](const Fetch* fetch) { return !!fetch->waits_for; });
  for (Fetch* fetch : orphans) abandon(*fetch, now_ms);
  for (const Uuid& id : attempts_.of_worker(worker)) {
    end_attempt(*attempts_.find(id), {.how = Outcome::kWorkerGone}, now_ms);
  }
}

void Dispatcher::on_timer(FetchNo no, uint32_t number, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(no);
  if (!fetch) return;
  if (number == fetch->timer.number) {
    Timers::fired(fetch->timer);
    if (fetch->awaits_holder) {
      give_up(*fetch, failure_of(*fetch, false));
    } else {
      end_wait(*fetch, now_ms);
    }
    return;
  }
  const auto late = std::ranges::find(fetch->attempts, number, &Attempt::number);
  check(late != fetch->attempts.end(), "a deadline passed that nobody waits for");
  Attempt& attempt = **late;
  attempt.on_timer_fired();
  if (now_ms >= last_deadline_ms(*fetch) || attempt.is_late(now_ms)) {
    return on_late(*fetch, attempt, now_ms);
  }
  hedge(*fetch, attempt, now_ms);
  attempt.wait_on(std::min(attempt.late_at_ms(), last_deadline_ms(*fetch)));
}

void Dispatcher::on_registration_lost(L2& l2, uint64_t now_ms) {
  for (const Uuid& id : std::vector<Uuid>(l2.places.attempts())) {
    Attempt* attempt = attempts_.find(id);
    if (attempt->state() != Attempt::State::kOrdered) continue;
    to_reroute_.push_back(attempt->fetch()->no);
    attempt->end({.how = Outcome::kRegistrationLost}, now_ms);
    attempts_.finish(*attempt, now_ms);
  }
  registrations_.forget_given_up(l2);
  descent_.forget(l2.no);
  for (const FetchNo no : l2.waiting) {
    forget_wait(*fetches_.find(no));
    to_reroute_.push_back(no);
  }
  l2.waiting.clear();
}

void Dispatcher::end_streams(const L2& l2) {
  for (const Uuid& id : l2.places.attempts()) {
    const Attempt* attempt = attempts_.find(id);
    check(attempt != nullptr, "a place is taken by an attempt that is gone");
    if (attempt->state() != Attempt::State::kHandedOff) continue;
    context_.tell(attempt->worker(), ipc::EndAttempt{id});
  }
}

void Dispatcher::reroute(uint64_t now_ms) {
  for (const L2No no : registrations_.strangers().take_freed()) {
    if (L2* l2 = registrations_.registry().find(no)) serve_queue(*l2, now_ms);
  }
  for (const FetchNo no : std::exchange(to_reroute_, {})) {
    if (Fetch* fetch = fetches_.find(no)) go_on(*fetch, now_ms);
  }
  for (const FetchNo no : holder_waits_.take_to_try()) {
    if (Fetch* fetch = fetches_.find(no)) find_candidate(*fetch, now_ms);
  }
}

void Dispatcher::drain(uint64_t now_ms) {
  is_draining_ = true;
  for (Fetch* fetch : fetches_.all()) {
    if (is_streaming(*fetch)) continue;
    take_back(*fetch, Outcome::kDraining, now_ms);
    give_up(*fetch, Outcome::kDraining);
  }
}

}  // namespace daphnis::broker
