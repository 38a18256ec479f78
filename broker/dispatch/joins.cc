#include "broker/dispatch/joins.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

/// How long followers wait for a whole file to get its name before they ask an L2 instead.
constexpr uint64_t kStoringWaitMs = 1'000;

}  // namespace

bool Joins::on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const bool is_double = followers_by_fetch_.contains(id_of(worker, message.fetch_id)) ||
                         dispatcher_.knows(worker, WorkerFetchId{message.fetch_id});
  if (is_double) return false;
  if (message.block_file == ipc::BlockFile::kLost) cache_.on_block_lost(message.request.root);
  if (message.only_cached) {
    look_up(worker, message);
    return true;
  }
  ++context_.counters.fetches;
  // Who goes on with an output has asked for it before.
  if (!message.is_alone && message.resume.skip == 0) cache_.on_request(message.key);
  forget_old(now_ms);
  if (!message.must_not_join && join(worker, message, now_ms)) return true;
  if (message.must_not_join && take_over(worker, message, now_ms)) return true;
  dispatch(worker, std::move(message), now_ms);
  return true;
}

bool Joins::join(WorkerId worker, ipc::Fetch& message, uint64_t now_ms) {
  const RequestKey key = message.key;
  if (tell_cached(worker, message)) return true;
  if (message.is_alone) return false;
  if (followers_.size() >= limits::kFollowersMax) return false;
  if (cache_.is_storing(key)) {
    park(key, groups_[key], worker, std::move(message), now_ms);
    return true;
  }
  const auto found = groups_.find(key);
  if (found == groups_.end()) return false;
  Group& group = found->second;
  // A worker that asks again for what its own fetch brings cannot use that fetch.
  if (leading_worker(group) == worker) return false;
  park(key, group, worker, std::move(message), now_ms);
  return true;
}

WorkerId Joins::leading_worker(const Group& group) const {
  return group.heir ? followers_.at(*group.heir).worker : group.leader.first;
}

void Joins::dispatch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  if (lacks_place(message)) return send_for_place(worker, std::move(message), now_ms);
  if (!message.is_alone) {
    Group& group = groups_[message.key];
    const bool may_lead = group.followers.empty() && !group.heir &&
                          (!group.has_leader || group.is_served || group.leader.first == worker);
    if (may_lead) lead(message.key, group, id_of(worker, message.fetch_id));
  }
  check(dispatcher_.on_fetch(worker, std::move(message), now_ms), "a fetch is dispatched twice");
}

void Joins::dispatch_leader(const RequestKey& key, Group& group, WorkerId worker,
                            ipc::Fetch&& message, uint64_t now_ms) {
  lead(key, group, id_of(worker, message.fetch_id));
  if (!group.followers.empty()) want(group);
  check(dispatcher_.on_fetch(worker, std::move(message), now_ms), "a leader is dispatched twice");
}

void Joins::lead(const RequestKey& key, Group& group, const FetchId& leader) {
  drop_leader(group);
  group.no = GroupNo{++last_no_};
  group.has_leader = true;
  group.leader = leader;
  leaders_[leader] = key;
}

void Joins::drop_leader(Group& group) {
  if (group.has_leader) leaders_.erase(group.leader);
  group.has_leader = group.is_wanted = group.is_served = group.is_forgotten = false;
  group.leader = {};
  group.last = {};
}

FollowerNo Joins::add_follower(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const FollowerNo no{++last_no_};
  Follower& follower = followers_[no];
  follower.key = message.key;
  follower.worker = worker;
  follower.message = std::move(message);
  follower.patience_ms =
      std::min<uint64_t>(follower.message.deadline_ms, context_.settings.fetch_deadline_ms_max);
  follower.deadline_ms = now_ms + follower.patience_ms;
  followers_by_fetch_[id_of(worker, follower.message.fetch_id)] = no;
  return no;
}

void Joins::park(const RequestKey& key, Group& group, WorkerId worker, ipc::Fetch&& message,
                 uint64_t now_ms) {
  ++context_.counters.joins;
  const FollowerNo no = add_follower(worker, std::move(message), now_ms);
  Follower& follower = followers_.at(no);
  group.followers.push_back(no);
  if (cache_.is_storing(key)) {
    // The follower waits for the file's name, but a slow disk must not hold it up for long.
    const uint64_t patience_ms = now_ms + kStoringWaitMs;
    context_.timers.set(follower.timer, TimerKind::kFollower, static_cast<uint64_t>(no),
                        std::min(patience_ms, follower.deadline_ms));
    return;
  }
  context_.timers.set(follower.timer, TimerKind::kFollower, static_cast<uint64_t>(no),
                      follower.deadline_ms);
  want(group);
  if (relay(group, follower)) {
    group.followers.pop_back();
    (void)take(no);
  }
}

void Joins::want(Group& group) {
  if (!group.has_leader || std::exchange(group.is_wanted, true)) return;
  context_.tell(group.leader.first, ipc::SpoolWanted{static_cast<uint64_t>(group.leader.second)});
}

bool Joins::relay(const Group& group, Follower& follower) {
  if (group.last.path.empty()) return false;
  follower.knows_path = true;
  follower.has_bytes |= group.last.bytes > 0;
  follower.message.has_output |= group.last.bytes > 0;
  cache_.share(group.leader.first, group.last.path, follower.worker);
  context_.tell(follower.worker, ipc::JoinProgress{.fetch_id = follower.message.fetch_id,
                                                   .state = group.last.state,
                                                   .bytes = group.last.bytes,
                                                   .path = group.last.path});
  const bool is_over = group.last.state == ipc::JoinState::kWhole;
  if (is_over) ++context_.counters.fetches_joined;
  return is_over;
}

void Joins::tell(WorkerId worker, const ipc::Fetch& message, ipc::JoinState state,
                 const RequestKey& file) {
  context_.tell(
      worker,
      ipc::JoinProgress{
          .fetch_id = message.fetch_id, .state = state, .bytes = 0, .path = {}, .file = file});
}

void Joins::end_followers(Group& group, auto&& is_over) {
  std::erase_if(group.followers, [&](FollowerNo no) {
    if (!is_over(followers_.at(no))) return false;
    (void)take(no);
    return true;
  });
}

Joins::Follower Joins::take(FollowerNo no) {
  const auto found = followers_.find(no);
  check(found != followers_.end(), "an unknown follower ends");
  Follower follower = std::move(found->second);
  followers_.erase(found);
  context_.timers.clear(follower.timer, TimerKind::kFollower, static_cast<uint64_t>(no));
  followers_by_fetch_.erase(id_of(follower.worker, follower.message.fetch_id));
  return follower;
}

void Joins::on_cancel(WorkerId worker, WorkerFetchId fetch_id, uint64_t now_ms) {
  const auto found = followers_by_fetch_.find(FetchId(worker, fetch_id));
  if (found == followers_by_fetch_.end()) {
    dispatcher_.on_cancel(worker, fetch_id, now_ms);
    return;
  }
  leave(found->second);
}

void Joins::leave(FollowerNo no) {
  if (is_heir(no)) return lose_heir(no);
  ++context_.counters.fetches_cancelled;
  const RequestKey key = take(no).key;
  std::erase(groups_.at(key).followers, no);
  drop_if_idle(key);
}

bool Joins::on_progress(WorkerId worker, const ipc::FetchProgress& message, uint64_t) {
  const bool is_sane =
      message.state != ipc::JoinState::kCached && message.state != ipc::JoinState::kLead &&
      (message.path.empty() ? message.state != ipc::JoinState::kWhole && message.bytes == 0
                            : cache_.is_spool_path(message.path));
  if (!is_sane && message.state != ipc::JoinState::kFailed) return false;
  const auto leader = leaders_.find(id_of(worker, message.fetch_id));
  if (leader == leaders_.end()) return true;  // The fetch leads no group any more.
  const RequestKey key = leader->second;
  Group& group = groups_.at(key);
  if (message.state == ipc::JoinState::kFailed) {
    fail(key, group);
    return true;
  }
  group.last = message;
  const bool is_moving = cache_.is_storing(key);
  end_followers(group, [&](Follower& follower) {
    return (!is_moving || follower.knows_path) && relay(group, follower);
  });
  drop_if_idle(key);
  return true;
}

void Joins::fail(const RequestKey& key, Group& group) {
  drop_leader(group);
  for (const FollowerNo no : group.followers) {
    Follower& follower = followers_.at(no);
    follower.knows_path = follower.has_bytes = false;
    tell(follower.worker, follower.message, ipc::JoinState::kFailed);
  }
  if (!group.followers.empty()) to_pass_on_.push_back(key);
  drop_if_idle(key);
}

void Joins::on_denylist() {
  std::vector<RequestKey> led;
  for (const auto& [key, group] : groups_) {
    if (group.has_leader) led.push_back(key);
  }
  for (const RequestKey& key : led) fail(key, groups_.at(key));
}

void Joins::on_worker_gone(WorkerId worker) {
  std::vector<FollowerNo> left;
  for (auto it = followers_by_fetch_.lower_bound(id_of(worker, 0));
       it != followers_by_fetch_.end() && it->first.first == worker; ++it) {
    left.push_back(it->second);
  }
  // Heirs leave last, since a group's followers hear of that, and these may be of the same worker.
  std::ranges::stable_partition(left, [this](FollowerNo no) { return !is_heir(no); });
  for (const FollowerNo no : left) leave(no);
  std::vector<RequestKey> led;
  for (auto it = leaders_.lower_bound(id_of(worker, 0));
       it != leaders_.end() && it->first.first == worker; ++it) {
    led.push_back(it->second);
  }
  for (const RequestKey& key : led) fail(key, groups_.at(key));
}

void Joins::on_timer(FollowerNo no, uint64_t now_ms) {
  const auto found = followers_.find(no);
  if (found == followers_.end()) return;
  Timers::fired(found->second.timer);
  if (is_heir(no)) return lose_heir(no);
  // Whatever becomes of an heir renews the deadlines of those that have output.
  const bool waits_for_heir =
      groups_.at(found->second.key).heir && found->second.message.has_output;
  if (found->second.has_bytes || waits_for_heir) return;
  const bool is_over = now_ms >= found->second.deadline_ms;
  if (!is_over && !cache_.is_storing(found->second.key)) {
    context_.timers.set(found->second.timer, TimerKind::kFollower, static_cast<uint64_t>(no),
                        found->second.deadline_ms);
    return;
  }
  Follower follower = take(no);
  std::erase(groups_[follower.key].followers, no);
  if (is_over) {
    dispatcher_.refuse(follower.worker, WorkerFetchId{follower.message.fetch_id}, Outcome::kSilent,
                       0);
  } else {
    follower.message.deadline_ms = static_cast<uint32_t>(follower.deadline_ms - now_ms);
    dispatch(follower.worker, std::move(follower.message), now_ms);
  }
  drop_if_idle(follower.key);
}

void Joins::after_input(uint64_t now_ms) {
  while (true) {
    const auto ended = dispatcher_.take_ended();
    const auto stores = cache_.take_ended_stores();
    const auto to_pass_on = std::exchange(to_pass_on_, {});
    if (ended.empty() && stores.empty() && to_pass_on.empty()) return;
    for (const auto& end : ended) on_end(end, now_ms);
    for (const RequestKey& key : stores) on_store_ended(key);
    for (const RequestKey& key : to_pass_on) pass_on(key, now_ms);
  }
}

void Joins::on_end(const Dispatcher::FetchEnd& end, uint64_t now_ms) {
  const auto leader = leaders_.find(FetchId(end.worker, end.worker_fetch_id));
  if (leader == leaders_.end()) return;
  const RequestKey key = leader->second;
  Group& group = groups_.at(key);
  using How = Dispatcher::FetchEnd::How;
  if (end.how == How::kFailed) {
    // The followers fail as well, since they would ask the same L2s.
    end_followers(group, [&](const Follower& follower) {
      dispatcher_.refuse(follower.worker, WorkerFetchId{follower.message.fetch_id}, end.reason,
                         end.attempts);
      return true;
    });
    drop_leader(group);
    drop_if_idle(key);
  } else if (end.how == How::kServed || group.last.state == ipc::JoinState::kWhole) {
    group.is_served = true;
    served_.push_back({key, group.no, now_ms});
  } else {
    fail(key, group);
  }
}

void Joins::on_store_ended(const RequestKey& key) {
  const auto found = groups_.find(key);
  if (found == groups_.end() || cache_.is_storing(key)) return;
  Group& group = found->second;
  if (!cache_.holds(key)) {
    const bool is_led =
        group.has_leader && !group.is_served && group.last.state != ipc::JoinState::kWhole;
    const bool is_going = is_led || group.heir;
    if (!is_going) {
      fail(key, group);
    } else if (!group.followers.empty()) {
      want(group);
    }
    return;
  }
  // A follower that reads from the spool goes on until the leader reports it whole.
  end_followers(group, [&](const Follower& follower) {
    if (follower.knows_path && group.has_leader) return false;
    ++context_.counters.fetches_cached;
    tell(follower.worker, follower.message, ipc::JoinState::kCached);
    return true;
  });
  drop_if_idle(key);
}

void Joins::pass_on(const RequestKey& key, uint64_t now_ms) {
  const auto found = groups_.find(key);
  if (found == groups_.end() || cache_.is_storing(key)) return;
  Group& group = found->second;
  if (group.has_leader || group.heir) return;
  if (cache_.holds(key)) {
    on_store_ended(key);
    return;
  }
  renew_deadlines(group, now_ms);
  while (!group.followers.empty() && !group.has_leader && !group.heir) {
    const FollowerNo no = group.followers.front();
    group.followers.pop_front();
    if (lacks_place(followers_.at(no).message)) {
      ++context_.counters.joins_passed_on;
      name_heir(group, no, now_ms);
      continue;
    }
    Follower follower = take(no);
    if (follower.deadline_ms <= now_ms) {
      dispatcher_.refuse(follower.worker, WorkerFetchId{follower.message.fetch_id},
                         Outcome::kSilent, 0);
      continue;
    }
    ++context_.counters.joins_passed_on;
    follower.message.deadline_ms = static_cast<uint32_t>(follower.deadline_ms - now_ms);
    dispatch_leader(key, group, follower.worker, std::move(follower.message), now_ms);
  }
  drop_if_idle(key);
}

void Joins::renew_deadlines(const Group& group, uint64_t now_ms) {
  for (const FollowerNo no : group.followers) {
    Follower& follower = followers_.at(no);
    if (!follower.message.has_output) continue;
    follower.deadline_ms = now_ms + follower.patience_ms;
    context_.timers.set(follower.timer, TimerKind::kFollower, static_cast<uint64_t>(no),
                        follower.deadline_ms);
  }
}

void Joins::drop_if_idle(const RequestKey& key) {
  const auto found = groups_.find(key);
  if (found == groups_.end() || !found->second.followers.empty() || found->second.heir) return;
  if (found->second.has_leader && !found->second.is_forgotten) return;
  drop_leader(found->second);
  groups_.erase(found);
}

void Joins::forget_old(uint64_t now_ms) {
  while (!served_.empty() && (now_ms - served_.front().at_ms >= limits::kGroupEndedMs ||
                              served_.size() > limits::kGroupsEndedMax)) {
    const Served oldest = served_.front();
    served_.pop_front();
    const auto found = groups_.find(oldest.key);
    if (found == groups_.end() || found->second.no != oldest.group) continue;
    found->second.is_forgotten = true;
    drop_if_idle(oldest.key);
  }
}

}  // namespace daphnis::broker
