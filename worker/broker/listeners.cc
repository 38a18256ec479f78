#include "worker/broker/listeners.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

void Listeners::start(std::string address, uint64_t now_ms) {
  address_ = std::move(address);
  bind_at_ms_ = now_ms + limits::kListenerWaitMs;
  if (broker_.is_up()) on_broker_up();
}

void Listeners::on_bound(uint64_t cookie) {
  held_.push_back({.cookie = cookie, .slot = slot_});
  if (broker_.is_up()) offer(held_.back());
}

void Listeners::leave() {
  if (std::exchange(is_leaving_, true)) return;
  bind_at_ms_ = kNever;
  must_bind_ = false;
  broker_.send(ipc::Leaving{});
  std::erase_if(held_, [&](const Held& held) {
    if (held.is_kept) closed_.push_back(held.cookie);
    return held.is_kept;
  });
}

void Listeners::on_broker_up() {
  if (address_.empty()) return;
  if (is_leaving_) broker_.send(ipc::Leaving{});
  for (const Held& held : held_) offer(held);
  if (!is_leaving_) broker_.send(ipc::ListenersWanted{.address = address_});
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
  if (!held) held = &held_.emplace_back(Held{.cookie = given.cookie, .slot = given.slot});
  held->listener_id = ListenerId{given.listener_id};
  held->is_kept = true;
  if (given.slot == slot_) bind_at_ms_ = kNever;
}

void Listeners::on_all_given() {
  if (!is_leaving_ && !has_own()) bind();
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
  if (now_ms >= bind_at_ms_) bind();
}

void Listeners::bind() {
  bind_at_ms_ = kNever;
  must_bind_ = true;
}

void Listeners::offer(const Held& held) {
  offers_.push_back({.slot = held.slot, .cookie = held.cookie, .address = address_});
}

Listeners::Held* Listeners::find(uint64_t cookie) {
  const auto found = std::ranges::find(held_, cookie, &Held::cookie);
  return found == held_.end() ? nullptr : &*found;
}

bool Listeners::has_own() const {
  return std::ranges::any_of(held_, [&](const Held& held) { return held.slot == slot_; });
}

}  // namespace daphnis::worker
