#include "broker/dispatch/absences.h"

namespace daphnis::broker {

size_t Absences::add(const Fetch& fetch, const Round& round, uint64_t now_ms) {
  forget_old(now_ms);
  const Key key = round.is_of_root ? key_of_root(fetch) : Key{fetch.key, fetch.request_key};
  const Known* known = find(key, fetch, now_ms);
  if (known && (known->was_said || !round.was_said)) return 0;
  const uint64_t lasts_ms = round.was_said ? kSaidAbsentMs : kConcludedAbsentMs;
  rounds_.insert_or_assign(key, Known{.root = fetch.request.root,
                                      .was_said = round.was_said,
                                      .arrivals = round.arrivals,
                                      .until_ms = now_ms + lasts_ms,
                                      .number = ++last_number_});
  by_age_.push_back({key, last_number_});
  size_t dropped = 0;
  while (rounds_.size() > kAbsencesMax) dropped += drop_oldest() ? 1 : 0;
  while (by_age_.size() > 2 * kAbsencesMax) drop_oldest();
  return dropped;
}

const uint64_t* Absences::find(const Fetch& fetch, uint64_t now_ms) {
  forget_old(now_ms);
  const Known* known = find(key_of_root(fetch), fetch, now_ms);
  if (!known) known = find({fetch.key, fetch.request_key}, fetch, now_ms);
  return known ? &known->arrivals : nullptr;
}

const Absences::Known* Absences::find(const Key& key, const Fetch& fetch, uint64_t now_ms) const {
  const auto found = rounds_.find(key);
  if (found == rounds_.end() || now_ms >= found->second.until_ms) return nullptr;
  return found->second.root.names_same_block(fetch.request.root) ? &found->second : nullptr;
}

bool Absences::may_have(uint64_t root_key) const {
  const auto first = rounds_.lower_bound({root_key, RequestKey{}});
  return first != rounds_.end() && first->first.first == root_key;
}

size_t Absences::forget(uint64_t root_key) {
  const auto begin = rounds_.lower_bound({root_key, RequestKey{}});
  auto end = begin;
  size_t forgotten = 0;
  for (; end != rounds_.end() && end->first.first == root_key; ++end) ++forgotten;
  rounds_.erase(begin, end);
  return forgotten;
}

void Absences::forget(const Fetch& fetch) {
  rounds_.erase(key_of_root(fetch));
  rounds_.erase({fetch.key, fetch.request_key});
}

/// Drops what is over from the front of the list. A round that is over behind one that is not is
/// dropped when that one is, which is at most kSaidAbsentMs later.
void Absences::forget_old(uint64_t now_ms) {
  while (!by_age_.empty()) {
    const auto found = rounds_.find(by_age_.front().key);
    const bool is_there = found != rounds_.end() && found->second.number == by_age_.front().number;
    if (is_there && now_ms < found->second.until_ms) return;
    drop_oldest();
  }
}

bool Absences::drop_oldest() {
  const auto found = rounds_.find(by_age_.front().key);
  const bool is_there = found != rounds_.end() && found->second.number == by_age_.front().number;
  if (is_there) rounds_.erase(found);
  by_age_.pop_front();
  return is_there;
}

size_t Absences::add_missing_path(const RequestKey& key) {
  if (!paths_.insert(key).second) return 0;
  paths_by_age_.push_back(key);
  if (paths_by_age_.size() <= kMissingPathsMax) return 0;
  paths_.erase(paths_by_age_.front());
  paths_by_age_.pop_front();
  return 1;
}

}  // namespace daphnis::broker
