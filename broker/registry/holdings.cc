#include "broker/registry/holdings.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {
namespace {

/// True where less than an eighth of a large table is in use. Shrinking costs a move of each entry
/// left, which the removal of seven times as many has paid for.
template <class Table>
bool is_wasteful(const Table& table) {
  constexpr size_t kSmall = 4'096;
  return table.capacity() > kSmall && table.size() < table.capacity() / 8;
}

}  // namespace

bool Holdings::has_room_for(const L2& l2) const {
  const auto beside = per_network_.find(l2.network);
  const size_t of_network = beside == per_network_.end() ? 0 : beside->second;
  return size_of(l2.no) < limits::kHoldingsPerL2Max && size_ < limits::kHoldingsMax &&
         (per_network_max_ == 0 || of_network < per_network_max_);
}

Holdings::Added Holdings::add(const L2& l2, uint64_t key) {
  if (has(l2.no, key)) return Added::kKnown;
  if (!has_room_for(l2)) return Added::kFull;
  Holders& holders = holders_[key];
  if (holders.size() >= limits::kHoldersPerRootMax) return Added::kFull;
  holders.push_back(l2.no);
  Held& to = of_l2_[l2.no];
  to.network = l2.network;
  to.keys.insert(key);
  ++per_network_[l2.network];
  ++size_;
  return Added::kNew;
}

std::optional<L2No> Holdings::make_way(const L2& newcomer, uint64_t key,
                                       const std::function<bool(L2No)>& may_go) {
  const Holders& known = holders(key);
  const bool is_needed = known.size() >= limits::kHoldersPerRootMax && has_room_for(newcomer);
  if (!is_needed || has(newcomer.no, key)) return std::nullopt;
  const bool is_bound = may_go(newcomer.no);
  absl::flat_hash_map<Network, size_t> beside;
  size_t most = is_bound ? 1 : 0;
  std::optional<L2No> last;
  for (const L2No no : known) {
    if (!may_go(no)) continue;
    const Network network = of_l2_.at(no).network;
    const size_t count = ++beside[network];
    if ((is_bound && network == newcomer.network) || count < most) continue;
    most = count;
    last = no;
  }
  const auto its = beside.find(newcomer.network);
  const size_t with_newcomer = 1 + (its == beside.end() ? 0 : its->second);
  if (!last || (is_bound && with_newcomer >= most)) return std::nullopt;
  remove(*last, key);
  return last;
}

bool Holdings::remove(L2No l2, uint64_t key) {
  const auto held = of_l2_.find(l2);
  if (held == of_l2_.end() || held->second.keys.erase(key) == 0) return false;
  forget_holder(l2, held->second.network, key);
  if (held->second.keys.empty()) {
    of_l2_.erase(held);
  } else if (is_wasteful(held->second.keys)) {
    held->second.keys.rehash(0);
  }
  give_back();
  return true;
}

void Holdings::remove_all(L2No l2) {
  const auto held = of_l2_.find(l2);
  if (held == of_l2_.end()) return;
  for (const uint64_t key : held->second.keys) forget_holder(l2, held->second.network, key);
  of_l2_.erase(held);
  give_back();
}

void Holdings::forget_holder(L2No l2, Network network, uint64_t key) {
  const auto found = holders_.find(key);
  const auto beside = per_network_.find(network);
  check(found != holders_.end() && beside != per_network_.end(), "the holdings' tables differ");
  Holders& holders = found->second;
  holders.erase(std::remove(holders.begin(), holders.end(), l2), holders.end());
  if (holders.empty()) holders_.erase(found);
  if (--beside->second == 0) per_network_.erase(beside);
  --size_;
}

/// Shrinks the table of holders; tables never shrink by themselves.
void Holdings::give_back() {
  if (is_wasteful(holders_)) holders_.rehash(0);
}

const Holdings::Holders& Holdings::holders(uint64_t key) const {
  static const Holders kNobody;
  const auto found = holders_.find(key);
  return found == holders_.end() ? kNobody : found->second;
}

bool Holdings::has(L2No l2, uint64_t key) const {
  const auto held = of_l2_.find(l2);
  return held != of_l2_.end() && held->second.keys.contains(key);
}

size_t Holdings::size_of(L2No l2) const {
  const auto found = of_l2_.find(l2);
  return found == of_l2_.end() ? 0 : found->second.keys.size();
}

}  // namespace daphnis::broker
