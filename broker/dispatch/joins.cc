#include "broker/dispatch/joins.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

/// For a whole file to get its name, until those who wait for it ask an L2 instead.
constexpr uint64_t kStoringWaitMs = 1'000;

}  // namespace

bool Joins::on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const bool is_double = joiners_by_fetch_.contains(FetchId(worker, message.fetch_id)) ||
                         dispatcher_.knows(worker, message.fetch_id);
  if (is_double) return false;
  ++context_.counters.fetches;
  cache_.on_request(message.key);
  forget_old(now_ms);
  if (!message.must_not_join && join(worker, message, now_ms)) return true;
  dispatch(worker, std::move(message), now_ms);
  return true;
}

bool Joins::join(WorkerId worker, ipc::Fetch& message, uint64_t now_ms) {
  const RequestKey key = message.key;
  if (cache_.holds(key)) {
    ++context_.counters.fetches_cached;
    context_.tell(worker, ipc::JoinProgress{.fetch_id = message.fetch_id,
                                            .state = ipc::JoinState::kCached,
                                            .bytes = 0,
                                            .path = {}});
    return true;
  }
  if (joiners_.size() >= limits::kJoinersMax) return false;
  if (cache_.is_storing(key)) {
    park(key, flights_[key], worker, std::move(message), now_ms);
    return true;
  }
  const auto found = flights_.find(key);
  if (found == flights_.end()) return false;
  Flight& flight = found->second;
  // A worker that asks for what it is fetching already cannot use that fetch.
  if (flight.leader.first == worker) return false;
  park(key, flight, worker, std::move(message), now_ms);
  return true;
}

void Joins::dispatch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  Flight& flight = flights_[message.key];
  const bool may_lead = flight.joiners.empty() &&
                        (!flight.has_leader || flight.is_served || flight.leader.first == worker);
  if (may_lead) lead(message.key, flight, FetchId(worker, message.fetch_id));
  check(dispatcher_.on_fetch(worker, std::move(message), now_ms), "a fetch is dispatched twice");
}

void Joins::lead(const RequestKey& key, Flight& flight, const FetchId& leader) {
  drop_leader(flight);
  flight.number = ++last_number_;
  flight.has_leader = true;
  flight.leader = leader;
  leaders_[leader] = key;
}

void Joins::drop_leader(Flight& flight) {
  if (flight.has_leader) leaders_.erase(flight.leader);
  flight.has_leader = flight.is_wanted = flight.is_served = flight.is_forgotten = false;
  flight.leader = {};
  flight.last = {};
}

void Joins::park(const RequestKey& key, Flight& flight, WorkerId worker, ipc::Fetch&& message,
                 uint64_t now_ms) {
  ++context_.counters.joins;
  const uint64_t number = ++last_number_;
  Joiner& joiner = joiners_[number];
  joiner.key = key;
  joiner.worker = worker;
  joiner.message = std::move(message);
  joiner.deadline_ms = now_ms + std::min<uint64_t>(joiner.message.deadline_ms,
                                                   context_.config.fetch_deadline_ms_max);
  joiners_by_fetch_[FetchId(worker, joiner.message.fetch_id)] = number;
  flight.joiners.push_back(number);
  if (cache_.is_storing(key)) {
    // It is told of the file when that has its name, which no slow disk may hold up for long.
    const uint64_t patience_ms = now_ms + kStoringWaitMs;
    context_.timers.set(joiner.timer, TimerKind::kJoiner, number,
                        std::min(patience_ms, joiner.deadline_ms));
    return;
  }
  context_.timers.set(joiner.timer, TimerKind::kJoiner, number, joiner.deadline_ms);
  want(flight);
  if (relay(flight, joiner)) {
    flight.joiners.pop_back();
    (void)take(number);
  }
}

void Joins::want(Flight& flight) {
  if (!flight.has_leader || std::exchange(flight.is_wanted, true)) return;
  context_.tell(flight.leader.first, ipc::SpoolWanted{flight.leader.second});
}

bool Joins::relay(const Flight& flight, Joiner& joiner) {
  if (flight.last.path.empty()) return false;
  joiner.knows_path = true;
  joiner.has_bytes |= flight.last.bytes > 0;
  cache_.share(flight.leader.first, flight.last.path, joiner.worker);
  context_.tell(joiner.worker, ipc::JoinProgress{.fetch_id = joiner.message.fetch_id,
                                                 .state = flight.last.state,
                                                 .bytes = flight.last.bytes,
                                                 .path = flight.last.path});
  const bool is_over = flight.last.state == ipc::JoinState::kWhole;
  if (is_over) ++context_.counters.fetches_joined;
  return is_over;
}

void Joins::tell(const Joiner& joiner, ipc::JoinState state) {
  context_.tell(joiner.worker,
                ipc::JoinProgress{
                    .fetch_id = joiner.message.fetch_id, .state = state, .bytes = 0, .path = {}});
}

void Joins::end_joiners(Flight& flight, auto&& is_over) {
  std::erase_if(flight.joiners, [&](uint64_t number) {
    if (!is_over(joiners_.at(number))) return false;
    (void)take(number);
    return true;
  });
}

Joins::Joiner Joins::take(uint64_t number) {
  const auto found = joiners_.find(number);
  check(found != joiners_.end(), "an unknown joiner ends");
  Joiner joiner = std::move(found->second);
  joiners_.erase(found);
  context_.timers.clear(joiner.timer, TimerKind::kJoiner, number);
  joiners_by_fetch_.erase(FetchId(joiner.worker, joiner.message.fetch_id));
  return joiner;
}

void Joins::on_cancel(WorkerId worker, uint64_t fetch_id, uint64_t now_ms) {
  const auto found = joiners_by_fetch_.find(FetchId(worker, fetch_id));
  if (found == joiners_by_fetch_.end()) {
    dispatcher_.on_cancel(worker, fetch_id, now_ms);
    return;
  }
  ++context_.counters.fetches_cancelled;
  const uint64_t number = found->second;
  const RequestKey key = take(number).key;
  std::erase(flights_[key].joiners, number);
  drop_if_idle(key);
}

bool Joins::on_progress(WorkerId worker, const ipc::FetchProgress& message, uint64_t) {
  const bool is_sane =
      message.state != ipc::JoinState::kCached &&
      (message.path.empty() ? message.state != ipc::JoinState::kWhole && message.bytes == 0
                            : cache_.is_spool_path(message.path));
  if (!is_sane && message.state != ipc::JoinState::kFailed) return false;
  const auto leader = leaders_.find(FetchId(worker, message.fetch_id));
  if (leader == leaders_.end()) return true;  // Its joiners have left, or found another.
  const RequestKey key = leader->second;
  Flight& flight = flights_.at(key);
  if (message.state == ipc::JoinState::kFailed) {
    fail(key, flight);
    return true;
  }
  flight.last = message;
  const bool is_moving = cache_.is_storing(key);
  end_joiners(flight, [&](Joiner& joiner) {
    return (!is_moving || joiner.knows_path) && relay(flight, joiner);
  });
  drop_if_idle(key);
  return true;
}

void Joins::fail(const RequestKey& key, Flight& flight) {
  drop_leader(flight);
  for (const uint64_t number : flight.joiners) {
    Joiner& joiner = joiners_.at(number);
    joiner.knows_path = joiner.has_bytes = false;
    tell(joiner, ipc::JoinState::kFailed);
  }
  if (!flight.joiners.empty()) to_pass_on_.push_back(key);
  drop_if_idle(key);
}

void Joins::on_worker_gone(WorkerId worker) {
  std::vector<uint64_t> left;
  for (auto it = joiners_by_fetch_.lower_bound(FetchId(worker, 0));
       it != joiners_by_fetch_.end() && it->first.first == worker; ++it) {
    left.push_back(it->second);
  }
  for (const uint64_t number : left) {
    ++context_.counters.fetches_cancelled;
    const RequestKey key = take(number).key;
    std::erase(flights_[key].joiners, number);
    drop_if_idle(key);
  }
  std::vector<RequestKey> led;
  for (auto it = leaders_.lower_bound(FetchId(worker, 0));
       it != leaders_.end() && it->first.first == worker; ++it) {
    led.push_back(it->second);
  }
  for (const RequestKey& key : led) fail(key, flights_.at(key));
}

void Joins::on_timer(uint64_t number, uint64_t now_ms) {
  const auto found = joiners_.find(number);
  if (found == joiners_.end()) return;
  Timers::fired(found->second.timer);
  if (found->second.has_bytes) return;
  const bool is_over = now_ms >= found->second.deadline_ms;
  if (!is_over && !cache_.is_storing(found->second.key)) {
    context_.timers.set(found->second.timer, TimerKind::kJoiner, number, found->second.deadline_ms);
    return;
  }
  Joiner joiner = take(number);
  std::erase(flights_[joiner.key].joiners, number);
  if (is_over) {
    dispatcher_.refuse(joiner.worker, joiner.message.fetch_id, ipc::FetchFailure::kSilent, 0);
  } else {
    joiner.message.deadline_ms = static_cast<uint32_t>(joiner.deadline_ms - now_ms);
    dispatch(joiner.worker, std::move(joiner.message), now_ms);
  }
  drop_if_idle(joiner.key);
}

void Joins::settle(uint64_t now_ms) {
  while (true) {
    const auto ended = dispatcher_.take_ended();
    const auto settled = cache_.take_settled();
    const auto to_pass_on = std::exchange(to_pass_on_, {});
    if (ended.empty() && settled.empty() && to_pass_on.empty()) return;
    for (const auto& end : ended) on_end(end, now_ms);
    for (const RequestKey& key : settled) on_settled(key);
    for (const RequestKey& key : to_pass_on) pass_on(key, now_ms);
  }
}

void Joins::on_end(const Dispatcher::FetchEnd& end, uint64_t now_ms) {
  const auto leader = leaders_.find(FetchId(end.worker, end.worker_fetch_id));
  if (leader == leaders_.end()) return;
  const RequestKey key = leader->second;
  Flight& flight = flights_.at(key);
  using How = Dispatcher::FetchEnd::How;
  if (end.how == How::kFailed) {
    // One question, one answer: the joiners' L2s would be the same.
    end_joiners(flight, [&](const Joiner& joiner) {
      dispatcher_.refuse(joiner.worker, joiner.message.fetch_id, end.reason, end.attempts);
      return true;
    });
    drop_leader(flight);
    drop_if_idle(key);
  } else if (end.how == How::kServed || flight.last.state == ipc::JoinState::kWhole) {
    flight.is_served = true;
    served_.push_back({key, flight.number, now_ms});
  } else {
    fail(key, flight);
  }
}

void Joins::on_settled(const RequestKey& key) {
  const auto found = flights_.find(key);
  if (found == flights_.end() || cache_.is_storing(key)) return;
  Flight& flight = found->second;
  if (!cache_.holds(key)) {
    const bool is_going =
        flight.has_leader && !flight.is_served && flight.last.state != ipc::JoinState::kWhole;
    if (!is_going) {
      fail(key, flight);
    } else if (!flight.joiners.empty()) {
      want(flight);
    }
    return;
  }
  // Who reads from the spool already goes on until its leader says that it is whole.
  end_joiners(flight, [&](const Joiner& joiner) {
    if (joiner.knows_path && flight.has_leader) return false;
    ++context_.counters.fetches_cached;
    tell(joiner, ipc::JoinState::kCached);
    return true;
  });
  drop_if_idle(key);
}

void Joins::pass_on(const RequestKey& key, uint64_t now_ms) {
  const auto found = flights_.find(key);
  if (found == flights_.end() || found->second.has_leader || cache_.is_storing(key)) return;
  Flight& flight = found->second;
  if (cache_.holds(key)) {
    on_settled(key);
    return;
  }
  while (!flight.joiners.empty() && !flight.has_leader) {
    const uint64_t number = flight.joiners.front();
    flight.joiners.pop_front();
    Joiner joiner = take(number);
    if (joiner.deadline_ms <= now_ms) {
      dispatcher_.refuse(joiner.worker, joiner.message.fetch_id, ipc::FetchFailure::kSilent, 0);
      continue;
    }
    ++context_.counters.joins_passed_on;
    joiner.message.deadline_ms = static_cast<uint32_t>(joiner.deadline_ms - now_ms);
    lead(key, flight, FetchId(joiner.worker, joiner.message.fetch_id));
    if (!flight.joiners.empty()) want(flight);
    check(dispatcher_.on_fetch(joiner.worker, std::move(joiner.message), now_ms),
          "a joiner is dispatched twice");
  }
  drop_if_idle(key);
}

void Joins::drop_if_idle(const RequestKey& key) {
  const auto found = flights_.find(key);
  if (found == flights_.end() || !found->second.joiners.empty()) return;
  if (found->second.has_leader && !found->second.is_forgotten) return;
  drop_leader(found->second);
  flights_.erase(found);
}

void Joins::forget_old(uint64_t now_ms) {
  while (!served_.empty() && (now_ms - served_.front().at_ms >= limits::kFlightEndedMs ||
                              served_.size() > limits::kFlightsEndedMax)) {
    const Served oldest = served_.front();
    served_.pop_front();
    const auto found = flights_.find(oldest.key);
    if (found == flights_.end() || found->second.number != oldest.flight) continue;
    found->second.is_forgotten = true;
    drop_if_idle(oldest.key);
  }
}

}  // namespace daphnis::broker
