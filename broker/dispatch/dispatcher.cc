#include "broker/dispatch/dispatcher.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {

Fetch* Dispatcher::find(FetchNo no) {
  const auto found = fetches_.find(no);
  return found == fetches_.end() ? nullptr : found->second.get();
}

bool Dispatcher::on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const WorkerFetchId worker_fetch_id{message.fetch_id};
  const std::pair key(worker, worker_fetch_id);
  if (by_worker_.contains(key)) return false;
  if (is_draining_ || fetches_.size() >= limits::kFetchesMax) {
    refuse(worker, worker_fetch_id,
           is_draining_ ? ipc::FetchFailure::kDraining : ipc::FetchFailure::kOverloaded, 0);
    ended_.push_back(
        {.worker = worker,
         .worker_fetch_id = worker_fetch_id,
         .how = FetchEnd::How::kFailed,
         .reason = is_draining_ ? ipc::FetchFailure::kDraining : ipc::FetchFailure::kOverloaded});
    return true;
  }
  auto made = std::make_unique<Fetch>();
  Fetch& fetch = *made;
  fetch.no = FetchNo{++last_no_};
  fetch.worker = worker;
  fetch.worker_fetch_id = worker_fetch_id;
  fetch.key = key_of_multihash(message.request.root);
  fetch.request_key = message.key;
  fetch.request = std::move(message.request);
  fetch.trace_id = std::move(message.trace_id);
  fetch.patience_ms =
      std::min<uint64_t>(message.deadline_ms, context_.settings.fetch_deadline_ms_max);
  fetch.deadline_ms = now_ms + fetch.patience_ms;
  by_worker_.emplace(key, fetch.no);
  fetches_.emplace(fetch.no, std::move(made));
  find_candidate(fetch, now_ms);
  return true;
}

void Dispatcher::find_candidate(Fetch& fetch, uint64_t now_ms) {
  fetch.state = Fetch::State::kChoosing;
  const bool is_spent =
      fetch.tries() >= context_.settings.tries_max || now_ms >= fetch.deadline_ms || is_draining_;
  const Choice choice = is_spent ? Choice{} : choose(fetch, now_ms);
  if (!choice.l2) {
    if (choice.is_crowded) ++context_.counters.queues_full;
    give_up(fetch, failure_of(fetch, choice.is_crowded));
  } else if (choice.must_wait) {
    // An L2 that is behind would not read an order, so it gets as long as a silent one.
    const uint64_t until_ms = now_ms + context_.settings.first_byte_ms;
    wait_for(fetch, *choice.l2,
             choice.is_behind ? std::min(until_ms, fetch.deadline_ms) : fetch.deadline_ms);
  } else {
    start_attempt(fetch, *choice.l2, now_ms);
  }
}

Choice Dispatcher::choose(Fetch& fetch, uint64_t now_ms) {
  Choice choice = choose_candidate(fetch, registrations_, context_.settings.candidates_max, now_ms);
  while (!choice.l2 && fetch.asked_again < fetch.delivered_for.size()) {
    const L2No no = fetch.delivered_for[fetch.asked_again++];
    choice = choose_again(fetch, registrations_, no, now_ms);
  }
  return choice;
}

/// Decides by DESIGN 2, step 9.
ipc::FetchFailure Dispatcher::failure_of(const Fetch& fetch, bool is_crowded) const {
  if (is_draining_) return ipc::FetchFailure::kDraining;
  if (fetch.asked.empty() && registrations_.registry().size() == 0) return ipc::FetchFailure::kNoL2;
  if (fetch.lost > 0) return ipc::FetchFailure::kOverloaded;  // An L2 did its part; we did not.
  if (fetch.failed > 0) return ipc::FetchFailure::kFailed;
  // An L2 for which only a stranger delivered has been silent itself.
  if (fetch.silent > 0 || fetch.unheard > 0) return ipc::FetchFailure::kSilent;
  if (is_crowded || fetch.asked.empty()) return ipc::FetchFailure::kOverloaded;
  return ipc::FetchFailure::kNotFound;
}

void Dispatcher::start_attempt(Fetch& fetch, L2& l2, uint64_t now_ms) {
  const Uuid id = uuid_v4(context_.random());
  const bool is_asked_again =
      std::ranges::find(fetch.delivered_for, l2.no) != fetch.delivered_for.end();
  attempts_.add(id, {.fetch = fetch.no,
                     .l2 = l2.no,
                     .worker = fetch.worker,
                     .needs_id = is_asked_again,
                     .ordered_ms = now_ms});
  l2.attempts.push_back(id);
  ++l2.tally.orders;
  ++context_.counters.attempts;
  fetch.asked.push_back(l2.no);
  fetch.state = Fetch::State::kOrdered;
  fetch.l2 = l2.no;
  fetch.attempt = id;
  context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no),
                      std::min(now_ms + context_.settings.first_byte_ms, fetch.deadline_ms));
  registrations_.order(l2,
                       {.attempt_id = id,
                        .request = fetch.request,
                        .trace_id = fetch.trace_id,
                        .left_ms = fetch.deadline_ms - now_ms},
                       now_ms);
  if (context_.out.logs(LogLevel::kDebug)) log_attempt(LogLevel::kDebug, fetch, "ordered");
}

void Dispatcher::wait_for(Fetch& fetch, L2& l2, uint64_t until_ms) {
  ++context_.counters.fetches_queued;
  ++waiting_;
  fetch.state = Fetch::State::kWaiting;
  fetch.l2 = l2.no;
  l2.waiting.push_back(fetch.no);
  context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no), until_ms);
}

void Dispatcher::end_wait(Fetch& fetch, uint64_t now_ms) {
  const L2* l2 = registrations_.registry().find(fetch.l2);
  check(l2 != nullptr, "a fetch waits for an L2 that is gone");
  if (now_ms < fetch.deadline_ms && !l2->is_behind(now_ms)) {
    // The L2 reads again and lacks only a free place, so the fetch waits as for any L2.
    context_.timers.set(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no),
                        fetch.deadline_ms);
    return;
  }
  leave_queue(fetch);
  if (now_ms >= fetch.deadline_ms) {
    give_up(fetch, failure_of(fetch, true));
    return;
  }
  ++fetch.silent;
  fetch.asked.push_back(l2->no);
  find_candidate(fetch, now_ms);
}

void Dispatcher::leave_queue(Fetch& fetch) {
  L2* l2 = registrations_.registry().find(fetch.l2);
  check(l2 != nullptr, "a fetch waits for an L2 that is gone");
  std::erase(l2->waiting, fetch.no);
  --waiting_;
}

void Dispatcher::serve_queue(L2& l2, uint64_t now_ms) {
  while (!l2.waiting.empty() && l2.has_free_place() && !l2.is_behind(now_ms) && !l2.is_given_up &&
         !is_draining_) {
    Fetch* fetch = find(l2.waiting.front());
    check(fetch != nullptr, "a fetch that is gone waits for an L2");
    l2.waiting.pop_front();
    --waiting_;
    start_attempt(*fetch, l2, now_ms);
  }
}

void Dispatcher::end_attempt(const Uuid& id, AttemptEnd end, uint64_t now_ms) {
  const Attempt* attempt = attempts_.find(id);
  check(attempt != nullptr, "an unknown attempt ends");
  L2* l2 = registrations_.registry().find(attempt->l2);
  attempts_.finish(id, end, now_ms);
  if (!l2) return;
  if (end == AttemptEnd::kCancelled) registrations_.cancel(*l2, id, now_ms);
  std::erase(l2->attempts, id);
  serve_queue(*l2, now_ms);
}

void Dispatcher::give_up(Fetch& fetch, ipc::FetchFailure reason) {
  if (context_.out.logs(LogLevel::kDebug)) log_attempt(LogLevel::kDebug, fetch, "given_up");
  refuse(fetch.worker, fetch.worker_fetch_id, reason, fetch.asked.size());
  erase(fetch, FetchEnd::How::kFailed, reason);
}

void Dispatcher::refuse(WorkerId worker, WorkerFetchId worker_fetch_id, ipc::FetchFailure reason,
                        size_t attempts) {
  ++context_.counters.fetches_failed[static_cast<size_t>(reason)];
  const bool may_help_to_retry =
      reason != ipc::FetchFailure::kNotFound && reason != ipc::FetchFailure::kFailed;
  const ipc::FetchFailed message{
      .fetch_id = static_cast<uint64_t>(worker_fetch_id),
      .reason = reason,
      .attempts = static_cast<uint32_t>(attempts),
      .retry_after_s = may_help_to_retry ? context_.settings.retry_after_s : 0};
  context_.tell(worker, message);
}

void Dispatcher::erase(Fetch& fetch, FetchEnd::How how, ipc::FetchFailure reason) {
  ended_.push_back({.worker = fetch.worker,
                    .worker_fetch_id = fetch.worker_fetch_id,
                    .how = how,
                    .reason = reason,
                    .attempts = fetch.asked.size()});
  context_.timers.clear(fetch.timer, TimerKind::kFetch, static_cast<uint64_t>(fetch.no));
  by_worker_.erase(std::pair(fetch.worker, fetch.worker_fetch_id));
  fetches_.erase(fetch.no);
}

/// Ends a fetch that its worker wants no more. A handed-off attempt stays until the worker reports
/// its end.
void Dispatcher::abandon(Fetch& fetch, uint64_t now_ms) {
  ++context_.counters.fetches_cancelled;
  if (fetch.state == Fetch::State::kWaiting) leave_queue(fetch);
  if (fetch.state == Fetch::State::kOrdered) {
    if (L2* l2 = registrations_.registry().find(fetch.l2)) ++l2->tally.cancelled;
    end_attempt(fetch.attempt, AttemptEnd::kCancelled, now_ms);
  }
  erase(fetch, FetchEnd::How::kOver);
}

void Dispatcher::on_cancel(WorkerId worker, WorkerFetchId worker_fetch_id, uint64_t now_ms) {
  const auto found = by_worker_.find(std::pair(worker, worker_fetch_id));
  if (found != by_worker_.end()) abandon(*find(found->second), now_ms);
}

void Dispatcher::on_worker_gone(WorkerId worker, uint64_t now_ms) {
  std::vector<FetchNo> orphans;
  for (const auto& [key, no] : by_worker_) {
    if (key.first == worker) orphans.push_back(no);
  }
  // Waiting fetches end first, lest they be given the places that the others leave. Sorting also
  // makes every run the same; the table's own order is not.
  std::ranges::sort(orphans, {}, [this](FetchNo no) {
    return std::pair(find(no)->state != Fetch::State::kWaiting, no);
  });
  for (const FetchNo no : orphans) abandon(*find(no), now_ms);
  for (const Uuid& id : attempts_.of_worker(worker)) {
    end_attempt(id, AttemptEnd::kCancelled, now_ms);
  }
}

void Dispatcher::on_timer(FetchNo no, uint64_t now_ms) {
  Fetch* fetch = find(no);
  if (!fetch) return;
  Timers::fired(fetch->timer);
  if (fetch->state == Fetch::State::kWaiting) {
    end_wait(*fetch, now_ms);
    return;
  }
  check(fetch->state == Fetch::State::kOrdered, "a deadline passed that nobody waits for");
  ++context_.counters.silent;
  ++fetch->silent;
  if (L2* l2 = registrations_.registry().find(fetch->l2)) ++l2->tally.silent;
  if (context_.out.logs(LogLevel::kDebug)) log_attempt(LogLevel::kDebug, *fetch, "silent");
  end_attempt(fetch->attempt, AttemptEnd::kCancelled, now_ms);
  find_candidate(*fetch, now_ms);
}

void Dispatcher::on_registration_lost(L2& l2, uint64_t now_ms) {
  for (const Uuid& id : std::vector<Uuid>(l2.attempts)) {
    const Attempt* attempt = attempts_.find(id);
    if (attempt->state != Attempt::State::kOrdered) continue;
    Fetch* fetch = find(attempt->fetch);
    check(fetch != nullptr, "an ordered attempt has no fetch");
    ++context_.counters.l2_lost;
    ++fetch->failed;
    ++l2.tally.failed;
    fetch->state = Fetch::State::kChoosing;
    to_reroute_.push_back(fetch->no);
    std::erase(l2.attempts, id);
    attempts_.finish(id, AttemptEnd::kCancelled, now_ms);
  }
  for (const FetchNo no : l2.waiting) {
    find(no)->state = Fetch::State::kChoosing;
    to_reroute_.push_back(no);
    --waiting_;
  }
  l2.waiting.clear();
}

void Dispatcher::reroute(uint64_t now_ms) {
  for (const FetchNo no : std::exchange(to_reroute_, {})) {
    Fetch* fetch = find(no);
    if (fetch && fetch->state == Fetch::State::kChoosing) find_candidate(*fetch, now_ms);
  }
}

void Dispatcher::drain(uint64_t now_ms) {
  is_draining_ = true;
  std::vector<FetchNo> pending;
  for (const auto& [no, fetch] : fetches_) {
    if (fetch->state != Fetch::State::kStreaming) pending.push_back(no);
  }
  std::ranges::sort(pending);
  for (const FetchNo no : pending) {
    Fetch& fetch = *find(no);
    if (fetch.state == Fetch::State::kWaiting) leave_queue(fetch);
    if (fetch.state == Fetch::State::kOrdered) {
      end_attempt(fetch.attempt, AttemptEnd::kCancelled, now_ms);
    }
    give_up(fetch, ipc::FetchFailure::kDraining);
  }
}

void Dispatcher::log_attempt(LogLevel level, const Fetch& fetch, std::string_view outcome) {
  LogLine line("attempt");
  line.add("outcome", outcome).add("trace", fetch.trace_id).add("number", fetch.asked.size());
  if (!fetch.asked.empty()) {
    const L2* l2 = registrations_.registry().find(fetch.l2);
    line.add("attempt", text_of(fetch.attempt)).add("l2", l2 ? l2->id() : "gone");
  }
  context_.out.log(level, std::move(line.add("root", fetch.request.root.text())));
}

}  // namespace daphnis::broker
