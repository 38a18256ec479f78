#include "broker/core/holdings.h"

#include <algorithm>

#include "broker/core/hash64.h"
#include "common/core/check.h"
#include "common/core/limits.h"

namespace daphnis::broker {

uint64_t key_of_multihash(const Cid& cid) {
  return hash64(cid.multihash());
}

Holdings::Added Holdings::add(L2No l2, uint64_t key) {
  auto& keys = keys_[l2];
  if (keys.contains(key)) return Added::kKnown;
  if (keys.size() >= limits::kHoldingsPerL2Max || size_ >= limits::kHoldingsMax) {
    return Added::kFull;
  }
  auto& holders = holders_[key];
  if (holders.size() >= limits::kHoldersPerRootMax) return Added::kFull;
  holders.push_back(l2);
  keys.insert(key);
  ++size_;
  return Added::kNew;
}

bool Holdings::remove(L2No l2, uint64_t key) {
  const auto keys = keys_.find(l2);
  if (keys == keys_.end() || keys->second.erase(key) == 0) return false;
  if (keys->second.empty()) keys_.erase(keys);
  forget_holder(l2, key);
  return true;
}

void Holdings::remove_all(L2No l2) {
  const auto keys = keys_.find(l2);
  if (keys == keys_.end()) return;
  for (const uint64_t key : keys->second) forget_holder(l2, key);
  keys_.erase(keys);
}

void Holdings::forget_holder(L2No l2, uint64_t key) {
  const auto found = holders_.find(key);
  check(found != holders_.end(), "the holdings' two tables differ");
  std::erase(found->second, l2);
  if (found->second.empty()) holders_.erase(found);
  --size_;
}

const std::vector<L2No>& Holdings::holders(uint64_t key) const {
  static const std::vector<L2No> kNobody;
  const auto found = holders_.find(key);
  return found == holders_.end() ? kNobody : found->second;
}

size_t Holdings::size_of(L2No l2) const {
  const auto found = keys_.find(l2);
  return found == keys_.end() ? 0 : found->second.size();
}

}  // namespace daphnis::broker
