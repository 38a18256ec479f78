#include "worker/broker/listeners.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

void Listeners::start(const std::vector<std::string>& addresses, uint64_t now_ms) {
  for (const std::string& address : addresses) {
    wanted_.push_back({.address = address, .bind_at_ms = now_ms + limits::kListenerWaitMs});
  }
  if (broker_.is_up()) on_broker_up();
}

void Listeners::on_bound(const std::string& address, uint64_t cookie) {
  held_.push_back({.cookie = cookie, .slot = slot_, .address = address});
  if (broker_.is_up()) offer(held_.back());
}

void Listeners::leave() {
  if (std::exchange(is_leaving_, true)) return;
  for (Wanted& wanted : wanted_) wanted.bind_at_ms = kNever;
  to_bind_.clear();
  broker_.send(ipc::Leaving{});
  std::erase_if(held_, [&](const Held& held) {
    if (held.is_kept) closed_.push_back(held.cookie);
    return held.is_kept;
  });
}

size_t Listeners::asked() const {
  constexpr uint16_t kSeveral = 7;
  return broker_.version() >= kSeveral ? wanted_.size() : std::min<size_t>(wanted_.size(), 1);
}

void Listeners::on_broker_up() {
  if (wanted_.empty()) return;
  answered_ = 0;
  if (is_leaving_) broker_.send(ipc::Leaving{});
  for (const Held& held : held_) offer(held);
  if (is_leaving_) return;
  for (size_t i = 0; i < asked(); ++i) {
    broker_.send(ipc::ListenersWanted{.address = wanted_[i].address});
  }
}

const std::string& Listeners::address_of(const ipc::ListenerGiven& given) const {
  // An older broker gives what it keeps for the first address, and does not say so.
  return given.address.empty() ? wanted_.front().address : given.address;
}

void Listeners::on_broker_closed() {
  for (Held& held : held_) held.is_kept = false;
  offers_.clear();
}

void Listeners::on_given(const ipc::ListenerGiven& given, bool has_socket) {
  broker_.send(ipc::ListenerTaken{.listener_id = given.listener_id, .is_taken = has_socket});
  if (!has_socket) return;
  // The socket was on its way as the worker began to leave: the broker keeps its copy, and other
  // workers accept on it.
  if (is_leaving_) {
    closed_.push_back(given.cookie);
    return;
  }
  Held* held = find(given.cookie);
  const std::string& address = address_of(given);
  if (!held) {
    held =
        &held_.emplace_back(Held{.cookie = given.cookie, .slot = given.slot, .address = address});
  }
  held->listener_id = ListenerId{given.listener_id};
  held->is_kept = true;
  if (given.slot != slot_) return;
  const auto wanted = std::ranges::find(wanted_, address, &Wanted::address);
  if (wanted != wanted_.end()) wanted->bind_at_ms = kNever;
}

void Listeners::on_all_given() {
  if (answered_ >= asked()) return;
  Wanted& wanted = wanted_[answered_++];
  if (!is_leaving_ && !has_own(wanted.address)) bind(wanted);
}

void Listeners::on_kept(const ipc::ListenerKept& kept) {
  Held* held = find(kept.cookie);
  if (!held) return;
  held->listener_id = ListenerId{kept.listener_id};
  held->is_kept = true;
  if (!is_leaving_) return;
  closed_.push_back(kept.cookie);
  held_.erase(held_.begin() + (held - held_.data()));
}

void Listeners::on_release(const ipc::ListenerRelease& release) {
  std::erase_if(held_, [&](const Held& held) {
    const bool is_meant = held.is_kept && held.listener_id == ListenerId{release.listener_id};
    if (is_meant) closed_.push_back(held.cookie);
    return is_meant;
  });
}

void Listeners::on_time(uint64_t now_ms) {
  for (Wanted& wanted : wanted_) {
    if (now_ms >= wanted.bind_at_ms) bind(wanted);
  }
}

uint64_t Listeners::next_call_ms() const {
  uint64_t next_ms = kNever;
  for (const Wanted& wanted : wanted_) next_ms = std::min(next_ms, wanted.bind_at_ms);
  return next_ms;
}

void Listeners::bind(Wanted& wanted) {
  wanted.bind_at_ms = kNever;
  to_bind_.push_back(wanted.address);
}

void Listeners::offer(const Held& held) {
  offers_.push_back({.slot = held.slot, .cookie = held.cookie, .address = held.address});
}

Listeners::Held* Listeners::find(uint64_t cookie) {
  const auto found = std::ranges::find(held_, cookie, &Held::cookie);
  return found == held_.end() ? nullptr : &*found;
}

bool Listeners::has_own(const std::string& address) const {
  return std::ranges::any_of(
      held_, [&](const Held& held) { return held.slot == slot_ && held.address == address; });
}

}  // namespace daphnis::worker
