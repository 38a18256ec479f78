// Compares cache policies on seeded synthetic traffic: object and byte hit ratio and bytes written,
// next to an offline upper bound. Prints a markdown table. See docs/performance.md.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <unordered_map>
#include <vector>

#include "broker/cache/cache_policy.h"

namespace daphnis::bench {
namespace {

using broker::CachePolicyKind;

struct Profile {
  const char* name;
  double zipf;
  double one_hit_share;   ///< Requests for objects that are never asked for again.
  double churn_per_1000;  ///< Popularity ranks that change hands, per 1000 requests.
};

constexpr size_t kObjects = 20'000;
constexpr size_t kRequests = 400'000;

struct Trace {
  std::vector<uint32_t> requests;
  std::vector<uint64_t> sizes;
  uint64_t unique_bytes = 0;
};

/// Lognormal sizes with a median of 1 MiB, cut to 10 KB .. 4 GB.
uint64_t draw_size(std::mt19937_64& random) {
  std::lognormal_distribution<double> sizes(std::log(1024.0 * 1024.0), 2.0);
  return static_cast<uint64_t>(std::clamp(sizes(random), 10e3, 4e9));
}

Trace make_trace(const Profile& profile, uint64_t seed) {
  std::mt19937_64 random(seed);
  Trace trace;
  trace.requests.reserve(kRequests);
  for (size_t i = 0; i < kObjects; ++i) trace.sizes.push_back(draw_size(random));

  std::vector<double> cumulative(kObjects);
  double sum = 0;
  for (size_t rank = 0; rank < kObjects; ++rank) {
    sum += 1 / std::pow(static_cast<double>(rank + 1), profile.zipf);
    cumulative[rank] = sum;
  }
  std::vector<uint32_t> object_of_rank(kObjects);
  std::iota(object_of_rank.begin(), object_of_rank.end(), 0);
  std::shuffle(object_of_rank.begin(), object_of_rank.end(), random);

  std::uniform_real_distribution<double> unit(0, 1);
  std::uniform_int_distribution<size_t> any_rank(0, kObjects - 1);
  double churn_due = 0;
  for (size_t i = 0; i < kRequests; ++i) {
    churn_due += profile.churn_per_1000 / 1000;
    for (; churn_due >= 1; --churn_due) {
      std::swap(object_of_rank[any_rank(random)], object_of_rank[any_rank(random)]);
    }
    if (unit(random) < profile.one_hit_share) {
      trace.requests.push_back(static_cast<uint32_t>(trace.sizes.size()));
      trace.sizes.push_back(draw_size(random));
      continue;
    }
    const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), unit(random) * sum);
    trace.requests.push_back(object_of_rank[static_cast<size_t>(at - cumulative.begin())]);
  }
  trace.unique_bytes = std::accumulate(trace.sizes.begin(), trace.sizes.end(), uint64_t{0});
  return trace;
}

struct Score {
  double object_hits = 0;
  double byte_hits = 0;
  double written = 0;  ///< Bytes written over bytes asked for.
};

uint64_t hash_of(uint32_t object) {
  uint64_t x = object + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Plain LRU, for comparison.
class Lru final : public broker::CachePolicy {
 public:
  void on_request(uint64_t) override {}
  [[nodiscard]] bool admits(uint64_t, uint64_t, double) const override { return true; }
  void add(broker::CacheSlot slot, uint64_t, uint64_t, uint64_t now) override {
    if (slot >= last_.size()) last_.resize(slot + 1);
    last_[slot] = now;
    order_.emplace(now, slot);
  }
  void touch(broker::CacheSlot slot, uint64_t now) override {
    order_.erase(last_[slot]);
    last_[slot] = now;
    order_.emplace(now, slot);
  }
  void remove(broker::CacheSlot slot) override { order_.erase(last_[slot]); }
  [[nodiscard]] std::optional<broker::CacheSlot> victim(uint64_t) const override {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->second;
  }

 private:
  std::vector<uint64_t> last_;
  std::map<uint64_t, broker::CacheSlot> order_;
};

Score run(const Trace& trace, uint64_t capacity, broker::CachePolicy& policy) {
  std::vector<bool> held(trace.sizes.size());
  uint64_t used = 0;
  double hits = 0;
  double hit_bytes = 0;
  double written = 0;
  double asked = 0;
  uint64_t now = 0;
  for (const uint32_t object : trace.requests) {
    ++now;
    const uint64_t size = trace.sizes[object];
    asked += static_cast<double>(size);
    policy.on_request(hash_of(object));
    if (held[object]) {
      ++hits;
      hit_bytes += static_cast<double>(size);
      policy.touch(object, now);
      continue;
    }
    const double fill = static_cast<double>(used) / static_cast<double>(capacity);
    if (size > capacity || !policy.admits(hash_of(object), size, fill)) continue;
    while (used + size > capacity) {
      const auto victim = policy.victim(now);
      policy.remove(*victim);
      held[*victim] = false;
      used -= trace.sizes[*victim];
    }
    policy.add(object, hash_of(object), size, now);
    held[object] = true;
    used += size;
    written += static_cast<double>(size);
  }
  return {hits / kRequests, hit_bytes / asked, written / asked};
}

/// The bound that no policy exceeds (PFOO-L, Berger et al., 2018): keeping an object from one
/// request to its next costs size x time of a budget of capacity x time; the cheapest intervals
/// come first.
Score upper_bound(const Trace& trace, uint64_t capacity) {
  struct Interval {
    double length;
    double size;
  };
  std::vector<Interval> intervals;
  std::unordered_map<uint32_t, size_t> last;
  double asked = 0;
  for (size_t i = 0; i < trace.requests.size(); ++i) {
    const uint32_t object = trace.requests[i];
    const auto size = static_cast<double>(trace.sizes[object]);
    asked += size;
    const auto [at, is_first] = last.try_emplace(object, i);
    if (!is_first) {
      intervals.push_back({static_cast<double>(i - at->second), size});
      at->second = i;
    }
  }
  const double budget = static_cast<double>(capacity) * kRequests;
  const auto fill = [&](auto cheaper, auto value) {
    std::sort(intervals.begin(), intervals.end(), cheaper);
    double spent = 0;
    double gained = 0;
    for (const Interval& interval : intervals) {
      spent += interval.length * interval.size;
      if (spent > budget) break;
      gained += value(interval);
    }
    return gained;
  };
  const auto by_area = [](const Interval& a, const Interval& b) {
    return a.length * a.size < b.length * b.size;
  };
  const auto by_length = [](const Interval& a, const Interval& b) { return a.length < b.length; };
  return {fill(by_area, [](const Interval&) { return 1.0; }) / kRequests,
          fill(by_length, [](const Interval& i) { return i.size; }) / asked, 0};
}

constexpr Profile kProfiles[] = {
    {"zipf 0.8", 0.8, 0.2, 0},
    {"zipf 0.9", 0.9, 0.2, 0},
    {"zipf 1.0", 1.0, 0.2, 0},
    {"zipf 0.8 churn", 0.8, 0.2, 20},
    {"zipf 0.9 churn", 0.9, 0.2, 20},
    {"zipf 1.0 churn", 1.0, 0.2, 20},
    {"zipf 0.9 one-hit 50 %", 0.9, 0.5, 5},
};
constexpr double kCacheShares[] = {0.01, 0.05, 0.20};
constexpr uint64_t kSeeds = 4;

void add(Score& sum, const Score& score) {
  sum.object_hits += score.object_hits / kSeeds;
  sum.byte_hits += score.byte_hits / kSeeds;
  sum.written += score.written / kSeeds;
}

void print_row(const Profile& profile, double share) {
  Score lru;
  Score lru_sp;
  Score ours;
  Score bound;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Trace trace = make_trace(profile, seed);
    const auto capacity = static_cast<uint64_t>(share * static_cast<double>(trace.unique_bytes));
    Lru plain;
    add(lru, run(trace, capacity, plain));
    add(lru_sp, run(trace, capacity, *make_cache_policy(CachePolicyKind::kLruSp, 0)));
    add(ours, run(trace, capacity, *make_cache_policy(CachePolicyKind::kGdsf, kObjects * 8)));
    add(bound, upper_bound(trace, capacity));
  }
  const auto cell = [](const Score& s) {
    return fmt::format("{:.1f} / {:.1f} / {:.0f}", 100 * s.object_hits, 100 * s.byte_hits,
                       100 * s.written);
  };
  fmt::print("| {} | {:.0f} % | {} | {} | {} | {:.1f} / {:.1f} | {:+.1f} | {:+.1f} | {:.0f} % |\n",
             profile.name, 100 * share, cell(lru), cell(lru_sp), cell(ours),
             100 * bound.object_hits, 100 * bound.byte_hits,
             100 * (ours.byte_hits - lru_sp.byte_hits),
             100 * (ours.object_hits - lru_sp.object_hits), 100 * ours.written / lru_sp.written);
}

}  // namespace
}  // namespace daphnis::bench

int main() {
  using namespace daphnis::bench;
  fmt::print("Object hits % / byte hits % / written % of bytes asked for; mean of {} seeds.\n\n",
             kSeeds);
  fmt::print(
      "| profile | cache | LRU | LRU-SP | ours | bound | byte hits vs LRU-SP | object hits "
      "vs LRU-SP | written vs LRU-SP |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- "
      "|\n");
  for (const Profile& profile : kProfiles) {
    for (const double share : kCacheShares) print_row(profile, share);
  }
}
