#include "broker/health/healths.h"

#include "common/base/check.h"

namespace daphnis::broker {

Health& Healths::open(std::string_view id, std::string_view address, HealthOf of) {
  const auto [at, is_new] = by_key_.try_emplace(key_of(id, address, of), HealthNo{last_no_ + 1});
  if (is_new) {
    const HealthNo no{++last_no_};
    entries_.emplace(no, std::make_unique<Entry>(no, id, address, mode_, of));
  }
  Entry& entry = *entries_.at(at->second);
  check(!entry.is_registered, "an L2 is registered twice");
  if (!is_new) gone_.erase(entry.in_gone);
  entry.health.set_address(address);
  entry.is_registered = true;
  entry.place = registered_.size();
  registered_.push_back(&entry.health);
  with_deeds_ += entry.health.has_deeds() ? 1 : 0;
  return entry.health;
}

void Healths::close(HealthNo no) {
  Entry& entry = *entries_.at(no);
  check(entry.is_registered, "an L2 that is not registered goes");
  entry.is_registered = false;
  entries_.at(registered_.back()->no())->place = entry.place;
  registered_[entry.place] = registered_.back();
  registered_.pop_back();
  with_deeds_ -= entry.health.has_deeds() ? 1 : 0;
  entry.in_gone = gone_.insert(gone_.end(), no);
  if (gone_.size() > kHealthsGoneMax) forget_longest_gone();
}

void Healths::forget_longest_gone() {
  const auto found = entries_.find(gone_.front());
  const Entry& entry = *found->second;
  by_key_.erase(key_of(entry.health.id(), entry.health.address(), entry.of));
  entries_.erase(found);
  gone_.pop_front();
}

Health* Healths::find(HealthNo no) {
  const auto found = entries_.find(no);
  return found == entries_.end() ? nullptr : &found->second->health;
}

const Health* Healths::find(HealthNo no) const {
  const auto found = entries_.find(no);
  return found == entries_.end() ? nullptr : &found->second->health;
}

bool Healths::is_registered(HealthNo no) const {
  const auto found = entries_.find(no);
  return found != entries_.end() && found->second->is_registered;
}

void Healths::note_first_deed(HealthNo no) {
  if (is_registered(no)) ++with_deeds_;
}

/// An id has no space.
std::string Healths::key_of(std::string_view id, std::string_view address, HealthOf of) {
  std::string key(id);
  if (of == HealthOf::kIdAtAddress) key.append(" ").append(address);
  return key;
}

}  // namespace daphnis::broker
