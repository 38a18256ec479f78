#include "broker/health/pool.h"

#include <algorithm>
#include <cmath>

namespace daphnis::broker {
namespace {

template <class Value>
std::optional<Value> median(std::vector<Value>& values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// The values of one figure, of the L2s with deeds and of the others.
template <class Value>
class Figures {
 public:
  void add(const Health& l2, std::optional<Value> value) {
    if (value) (l2.has_deeds() ? proven_ : others_).push_back(*value);
  }
  /// Those to go by: of the L2s with deeds where there are at least `min` of these, else all.
  std::vector<Value>& values(size_t min) {
    if (proven_.size() < min) proven_.insert(proven_.end(), others_.begin(), others_.end());
    return proven_;
  }

 private:
  std::vector<Value> proven_;
  std::vector<Value> others_;
};

bool is_ejected_for_failing(const Health& l2, uint64_t now_ms) {
  return l2.standing().is_ejected(now_ms) && l2.standing().reason() == EjectionReason::kFailing;
}

}  // namespace

Pool Pool::of(const std::vector<Health*>& l2s, uint64_t now_ms) {
  Pool pool;
  Figures<uint64_t> p50;
  Figures<uint64_t> p95;
  Figures<double> shares;
  const size_t step = (l2s.size() + kPoolL2sMax - 1) / kPoolL2sMax;
  for (size_t i = 0; i < l2s.size(); ++i) {
    const Health& l2 = *l2s[i];
    if (is_ejected_for_failing(l2, now_ms)) ++pool.failing;
    if (i % step != 0) continue;
    const size_t samples = l2.first_byte().samples(now_ms);
    if (samples >= kPoolP50SamplesMin) p50.add(l2, l2.first_byte().p50(now_ms));
    if (samples >= kP95SamplesMin) p95.add(l2, l2.first_byte().p95(now_ms));
    const OrderEnds ends = l2.ends(now_ms);
    if (ends.judged >= kPoolEndsMin) shares.add(l2, ends.share_failed());
  }
  pool.p50_ms = median(p50.values(1));
  pool.p95_ms = median(p95.values(1));
  std::vector<double>& known = shares.values(kPoolSharesMin);
  if (known.size() < kPoolSharesMin) return pool;
  pool.share_failed = median(known);
  for (double& share : known) share = std::abs(share - *pool.share_failed);
  pool.spread = std::max(*median(known), kSpreadMin);
  return pool;
}

}  // namespace daphnis::broker
