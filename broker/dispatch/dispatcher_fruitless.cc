#include <utility>

#include "broker/dispatch/dispatcher.h"

/// The part of the dispatcher that bounds the orders that come to nothing (docs/operations.md).
namespace daphnis::broker {

void Dispatcher::count_fruitless(const Fetch& fetch, const AttemptEnding& ending, uint64_t now_ms) {
  const bool has_content = ending.report && ending.report->blocks_proven > 0;
  const bool is_fruitless = ending.how == Outcome::kNotFound || ending.how == Outcome::kSilent ||
                            ending.how == Outcome::kStalled || ending.how == Outcome::kAborted ||
                            ending.how == Outcome::kLied;
  if (has_content || !is_fruitless || fetch.is_in_mid_answer) return;
  // An L2 that has announced what it does not deliver is no fault of who asked.
  if (is_claimed(fetch)) return;
  ++context_.counters.orders_fruitless;
  fruitless_.count(fetch.client, now_ms);
}

bool Dispatcher::is_claimed(const Fetch& fetch) const {
  return !registrations_.holdings().holders(fetch.key).empty() ||
         !registrations_.claims().provers(fetch.key).empty() || !provers_for(fetch).empty();
}

bool Dispatcher::is_over_bound(Fetch& fetch, uint64_t now_ms) {
  const RuleMode mode = context_.settings.fruitless_bound;
  if (mode == RuleMode::kOff || !fetch.is_from_start || fetch.is_in_mid_answer) return false;
  if (is_claimed(fetch)) return false;
  const FruitlessOrders::Bound bound = fruitless_.bound_of(fetch.client, now_ms);
  if (bound == FruitlessOrders::Bound::kNone) return false;
  if (!std::exchange(fetch.was_over_bound, true)) {
    ++context_.counters.fruitless_refused;
    context_.counters.fruitless_refused_in_all += bound == FruitlessOrders::Bound::kAll ? 1 : 0;
  }
  return mode == RuleMode::kOn;
}

}  // namespace daphnis::broker
