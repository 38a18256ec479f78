#include "broker/choosing/fruitless_orders.h"

#include <algorithm>

namespace daphnis::broker {
namespace {

/// The least time between two searches for networks that owe nothing any more.
constexpr uint64_t kForgetEveryMs = 1'000;

}  // namespace

void FruitlessOrders::count(Network network, uint64_t now_ms) {
  in_all_.take(kFruitlessInAll, now_ms);
  forget_quiet(now_ms);
  if (network == Network{}) return;
  TokenBucket* bucket = find(network);
  if (!bucket && of_network_.size() < kFruitlessNetworksMax) {
    const TokenBucket full(kFruitlessPerAddress, kFruitlessPerAddress);
    bucket = &of_network_.emplace(network, full).first->second;
  }
  if (bucket) bucket->take(kFruitlessPerAddress, now_ms);
}

FruitlessOrders::Bound FruitlessOrders::bound_of(Network network, uint64_t now_ms) {
  TokenBucket* bucket = find(network);
  if (bucket && !bucket->has_token(now_ms)) return Bound::kAddress;
  return in_all_.has_token(now_ms) ? Bound::kNone : Bound::kAll;
}

uint32_t FruitlessOrders::retry_after_s(Network network, uint64_t now_ms) {
  TokenBucket* bucket = find(network);
  const uint64_t wait_ms = std::max(bucket ? bucket->wait_ms(now_ms) : 0, in_all_.wait_ms(now_ms));
  return std::max<uint32_t>(1, static_cast<uint32_t>((wait_ms + 999) / 1'000));
}

TokenBucket* FruitlessOrders::find(Network network) {
  const auto found = of_network_.find(network);
  return found == of_network_.end() ? nullptr : &found->second;
}

void FruitlessOrders::forget_quiet(uint64_t now_ms) {
  if (now_ms < next_forget_ms_) return;
  next_forget_ms_ = now_ms + kForgetEveryMs;
  for (auto it = of_network_.begin(); it != of_network_.end();) {
    const auto at = it++;
    if (at->second.is_full(now_ms)) of_network_.erase(at);
  }
}

}  // namespace daphnis::broker
