// The part of Joins for fetches with output that must lead: their workers find out how far it has
// come, and ask anew with that.

#include <utility>

#include "broker/dispatch/joins.h"
#include "common/base/limits.h"

namespace daphnis::broker {

void Joins::send_for_place(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms) {
  const RequestKey key = message.key;
  Group& group = groups_[key];
  const bool is_needed = !group.has_leader && !group.heir && group.followers.empty();
  if (is_needed && followers_.size() < limits::kFollowersMax) {
    return name_heir(group, add_follower(worker, std::move(message), now_ms), now_ms);
  }
  ++context_.counters.heirs;
  tell(worker, message, ipc::JoinState::kLead);
  drop_if_idle(key);
}

void Joins::name_heir(Group& group, FollowerNo no, uint64_t now_ms) {
  Follower& heir = followers_.at(no);
  ++context_.counters.heirs;
  group.heir = no;
  context_.timers.set(heir.timer, TimerKind::kFollower, static_cast<uint64_t>(no),
                      now_ms + kHeirWaitMs);
  tell(heir.worker, heir.message, ipc::JoinState::kLead);
}

bool Joins::take_over(WorkerId worker, ipc::Fetch& message, uint64_t now_ms) {
  const auto found = groups_.find(message.key);
  if (found == groups_.end() || message.is_alone) return false;
  const RequestKey key = found->first;
  Group& group = found->second;
  if (!group.heir || followers_.at(*group.heir).worker != worker) return false;
  (void)take(*group.heir);
  group.heir.reset();
  renew_deadlines(group, now_ms);
  dispatch_leader(key, group, worker, std::move(message), now_ms);
  return true;
}

void Joins::lose_heir(FollowerNo no) {
  const RequestKey key = take(no).key;
  ++context_.counters.heirs_lost;
  Group& group = groups_.at(key);
  group.heir.reset();
  fail(key, group);
}

}  // namespace daphnis::broker
