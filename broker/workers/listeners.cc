#include "broker/workers/listeners.h"

#include <algorithm>
#include <utility>

namespace daphnis::broker {

void Listeners::on_admitted(WorkerId worker, uint32_t slot) {
  servers_[worker].slot = slot;
}

void Listeners::on_silent(WorkerId worker, uint64_t now_ms) {
  const auto found = servers_.find(worker);
  if (found == servers_.end()) return;
  found->second.is_silent = true;
  assign_all(now_ms);
}

void Listeners::on_heard_again(WorkerId worker, uint64_t now_ms) {
  const auto found = servers_.find(worker);
  if (found == servers_.end()) return;
  found->second.is_silent = false;
  assign_all(now_ms);
}

void Listeners::on_leaving(WorkerId worker, uint64_t now_ms) {
  const auto found = servers_.find(worker);
  if (found == servers_.end()) return;
  found->second.is_leaving = true;
  forget_holder(worker);
  assign_all(now_ms);
}

void Listeners::on_gone(WorkerId worker, uint64_t now_ms) {
  if (servers_.erase(worker) == 0) return;
  forget_holder(worker);
  assign_all(now_ms);
}

void Listeners::on_listening(WorkerId worker, const ipc::Listening& message,
                             const std::optional<ArrivedListener>& arrived, uint64_t now_ms) {
  // libuv drops a descriptor silently where the process has none free, so the socket may be missing
  // or be that of another frame (DESIGN 4a).
  const bool has_come = arrived && arrived->cookie != 0 && arrived->cookie == message.cookie;
  Listener* listener = has_come ? find_by_cookie(message.cookie) : nullptr;
  if (has_come && !listener && may_keep_another(message)) {
    listener = &listeners_[arrived->id];
    *listener = {.id = arrived->id,
                 .cookie = message.cookie,
                 .slot = message.slot,
                 .address = message.address};
  } else if (arrived) {
    context_.out.push(CloseListener{arrived->id});
  }
  if (!listener) return;
  // It accepts there, whether or not it has asked for what else is kept for it.
  add_address(servers_.at(worker), message.address);
  if (Holder* holder = find_holder(*listener, worker)) {
    holder->has_refused = false;
  } else {
    listener->holders.push_back({.worker = worker});
  }
  context_.tell(worker, ipc::ListenerKept{.listener_id = static_cast<uint64_t>(listener->id),
                                          .cookie = message.cookie});
  assign(*listener, now_ms);
}

void Listeners::on_wanted(WorkerId worker, const ipc::ListenersWanted& message, uint64_t now_ms) {
  const auto found = servers_.find(worker);
  if (found == servers_.end()) return;
  add_address(found->second, message.address);
  assign_all(now_ms);
  context_.tell(worker, ipc::ListenersGiven{});
}

void Listeners::on_taken(WorkerId worker, const ipc::ListenerTaken& message, uint64_t now_ms) {
  if (message.is_taken) return;
  const auto found = listeners_.find(ListenerId{message.listener_id});
  if (found == listeners_.end()) return;
  if (Holder* holder = find_holder(found->second, worker)) holder->has_refused = true;
  assign(found->second, now_ms);
}

void Listeners::on_second(uint64_t now_ms) {
  for (auto& [id, listener] : listeners_) {
    std::erase_if(listener.holders, [](const Holder& holder) { return holder.has_refused; });
  }
  assign_all(now_ms);
  absl::erase_if(listeners_, [&](const auto& entry) {
    const Listener& listener = entry.second;
    if (!listener.unserved_since_ms || may_be_served(listener) ||
        now_ms < *listener.unserved_since_ms + limits::kListenerUnservedMs) {
      return false;
    }
    context_.out.log(
        LogLevel::kInfo,
        LogLine("listener_closed").add("worker", listener.slot).add("listen", listener.address));
    context_.out.push(CloseListener{listener.id});
    return true;
  });
}

void Listeners::assign_all(uint64_t now_ms) {
  for (auto& [id, listener] : listeners_) assign(listener, now_ms);
}

void Listeners::assign(Listener& listener, uint64_t now_ms) {
  if (give_to_own(listener)) {
    take_back(listener, std::nullopt);
  } else if (!give_to_stand_in(listener)) {
    if (!listener.unserved_since_ms) listener.unserved_since_ms = now_ms;
    return;
  }
  listener.unserved_since_ms.reset();
}

bool Listeners::give_to_own(Listener& listener) {
  bool has_own = false;
  for (const auto& [worker, server] : servers_) {
    if (server.slot != listener.slot || !serves(server, listener)) continue;
    const Holder* holder = find_holder(listener, worker);
    has_own |= !holder || !holder->has_refused;
    if (!holder) give(listener, worker);
  }
  return has_own;
}

bool Listeners::give_to_stand_in(Listener& listener) {
  for (const Holder& holder : listener.holders) {
    if (holder.has_refused || !serves(servers_.at(holder.worker), listener)) continue;
    const WorkerId stays = holder.worker;
    take_back(listener, stays);
    return true;
  }
  std::optional<WorkerId> chosen;
  size_t fewest = SIZE_MAX;
  for (const auto& [worker, server] : servers_) {
    if (!serves(server, listener) || find_holder(listener, worker)) continue;
    const size_t held = held_by(worker);
    if (held >= fewest) continue;
    chosen = worker;
    fewest = held;
  }
  if (!chosen) return false;
  const Server& server = servers_.at(*chosen);
  ++context_.counters.listener_stand_ins;
  context_.out.log(LogLevel::kInfo, LogLine("stands_in")
                                        .add("worker", server.slot)
                                        .add("for", listener.slot)
                                        .add("listen", listener.address));
  give(listener, *chosen);
  return true;
}

void Listeners::give(Listener& listener, WorkerId worker) {
  listener.holders.push_back({.worker = worker});
  context_.out.push(GiveListener{.listener = listener.id,
                                 .worker = worker,
                                 .message = {.listener_id = static_cast<uint64_t>(listener.id),
                                             .slot = listener.slot,
                                             .cookie = listener.cookie,
                                             .address = listener.address}});
}

void Listeners::take_back(Listener& listener, std::optional<WorkerId> stays) {
  std::erase_if(listener.holders, [&](const Holder& holder) {
    const Server& server = servers_.at(holder.worker);
    const bool may_stay = holder.worker == stays || server.slot == listener.slot;
    // A silent worker is told once it is heard again; until then the socket may be of use there.
    if (may_stay || !serves(server, listener)) return false;
    context_.tell(holder.worker,
                  ipc::ListenerRelease{.listener_id = static_cast<uint64_t>(listener.id)});
    return true;
  });
}

void Listeners::forget_holder(WorkerId worker) {
  for (auto& [id, listener] : listeners_) {
    std::erase_if(listener.holders, [&](const Holder& holder) { return holder.worker == worker; });
  }
}

Listeners::Holder* Listeners::find_holder(Listener& listener, WorkerId worker) {
  const auto found = std::ranges::find(listener.holders, worker, &Holder::worker);
  return found == listener.holders.end() ? nullptr : &*found;
}

Listeners::Listener* Listeners::find_by_cookie(uint64_t cookie) {
  const auto found = std::ranges::find_if(
      listeners_, [&](const auto& entry) { return entry.second.cookie == cookie; });
  return found == listeners_.end() ? nullptr : &found->second;
}

void Listeners::add_address(Server& server, const std::string& address) {
  if (listens_on(server, address) || server.addresses.size() == limits::kListenAddressesMax) return;
  server.addresses.push_back(address);
}

bool Listeners::may_keep_another(const ipc::Listening& message) const {
  const auto alike = std::ranges::count_if(listeners_, [&](const auto& entry) {
    return entry.second.slot == message.slot && entry.second.address == message.address;
  });
  return listeners_.size() < limits::kListenersMax &&
         static_cast<size_t>(alike) < limits::kListenersPerSlotMax;
}

bool Listeners::may_be_served(const Listener& listener) const {
  return std::ranges::any_of(servers_, [&](const auto& entry) {
    return !entry.second.is_leaving && listens_on(entry.second, listener.address);
  });
}

size_t Listeners::held_by(WorkerId worker) const {
  return static_cast<size_t>(std::ranges::count_if(listeners_, [&](const auto& entry) {
    return std::ranges::any_of(entry.second.holders, [&](const Holder& holder) {
      return holder.worker == worker && !holder.has_refused;
    });
  }));
}

}  // namespace daphnis::broker
