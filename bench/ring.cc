// Compares ways to keep the hash ring's points: the time to find three candidates, to let an L2
// leave and to let it join, and the memory. Prints a markdown table. See docs/performance.md.

#include <absl/container/btree_set.h>
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "broker/registry/ring.h"
#include "common/base/hash64.h"

namespace daphnis::bench {
namespace {

using broker::L2No;
using Point = std::pair<uint64_t, L2No>;

constexpr size_t kCandidates = 3;
constexpr size_t kLookups = 1'000'000;
constexpr size_t kMoves = 2'000;  ///< L2s that leave, one after the other, and then join again.

/// Calls `change(point)` for each point of an L2.
template <class Change>
void for_each_point(const std::string& id, Change&& change) {
  const uint64_t id_hash = hash64(as_bytes(id));
  for (size_t node = 1; node <= limits::kRingNodesPerL2; ++node) {
    change(mix64(id_hash + 0x9e3779b97f4a7c15 * node));
  }
}

/// What is compared with broker::Ring: a walk over any container of points that are sorted.
template <class Container>
class SortedRing {
 public:
  void add(const std::string& id, L2No l2) {
    for_each_point(id, [&](uint64_t point) { insert({point, l2}); });
  }
  void remove(const std::string& id, L2No l2) {
    for_each_point(id, [&](uint64_t point) { points_.erase(lower_bound({point, l2})); });
  }
  template <class Visit>
  void walk(uint64_t key, size_t distinct_max, Visit&& visit) const {
    absl::InlinedVector<L2No, limits::kCandidatesMax> seen;
    auto at = lower_bound({key, L2No{}});
    while (seen.size() < distinct_max) {
      if (at == points_.end()) at = points_.begin();
      const L2No l2 = (at++)->second;
      if (std::find(seen.begin(), seen.end(), l2) != seen.end()) continue;
      seen.push_back(l2);
      if (!visit(l2)) return;
    }
  }

 private:
  [[nodiscard]] auto lower_bound(const Point& point) const {
    if constexpr (requires { points_.lower_bound(point); }) {
      return points_.lower_bound(point);
    } else {
      return std::lower_bound(points_.begin(), points_.end(), point);
    }
  }
  void insert(const Point& point) {
    if constexpr (requires { points_.insert(point); }) {
      points_.insert(point);
    } else {
      points_.insert(lower_bound(point), point);
    }
  }

  Container points_;
};

using TreeRing = SortedRing<absl::btree_set<Point>>;
using ArrayRing = SortedRing<std::vector<Point>>;

size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  size_t resident = 0;
  statm >> pages >> resident;
  return resident * 4096;
}

/// The time that this thread has had on a core, in µs, so that other work on the machine counts
/// little.
double now_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

std::string id_of(size_t n) {
  return "home-" + std::to_string(n);
}
L2No no_of(size_t n) {
  return L2No{n + 1};
}

/// Calls `move(n)` for each of these L2s; returns the times, sorted, in µs.
template <class Move>
std::vector<double> times_of(const std::vector<size_t>& l2s, Move&& move) {
  std::vector<double> times;
  for (const size_t n : l2s) {
    const double begun_us = now_us();
    move(n);
    times.push_back(now_us() - begun_us);
  }
  std::ranges::sort(times);
  return times;
}

std::string cell(const std::vector<double>& sorted) {
  const size_t p99 = sorted.size() * 99 / 100;
  return fmt::format("{:.1f} / {:.1f} / {:.0f}", sorted[sorted.size() / 2], sorted[p99],
                     sorted.back());
}

template <class AnyRing>
double lookup_ns(const AnyRing& ring, std::mt19937_64& random) {
  std::vector<uint64_t> keys(kLookups);
  std::ranges::generate(keys, std::ref(random));
  uint64_t sum = 0;
  const double begun_us = now_us();
  for (const uint64_t key : keys) {
    ring.walk(key, kCandidates, [&](L2No l2) {
      sum += static_cast<uint64_t>(l2);
      return true;
    });
  }
  const double ns = (now_us() - begun_us) * 1e3 / static_cast<double>(kLookups);
  if (sum == 0) fmt::print("nobody was found\n");  // So that the compiler keeps the walks.
  return ns;
}

template <class AnyRing>
void print_row(const char* name, size_t l2s) {
  malloc_trim(0);
  const size_t before = resident_bytes();
  std::mt19937_64 random(7);
  AnyRing ring;
  std::vector<size_t> all(l2s);
  for (size_t n = 0; n < l2s; ++n) all[n] = n;
  const auto first_joins = times_of(all, [&](size_t n) { ring.add(id_of(n), no_of(n)); });
  malloc_trim(0);
  const double mb = static_cast<double>(resident_bytes() - before) / 1e6;
  const double ns = lookup_ns(ring, random);
  std::ranges::shuffle(all, random);
  all.resize(std::min(kMoves, l2s / 4));
  const auto leaves = times_of(all, [&](size_t n) { ring.remove(id_of(n), no_of(n)); });
  const auto joins = times_of(all, [&](size_t n) { ring.add(id_of(n), no_of(n)); });
  fmt::print("| {} | {} | {:.0f} | {} | {} | {:.0f} | {:.1f} |\n", l2s, name, ns, cell(leaves),
             cell(joins), first_joins.back(), mb);
  std::fflush(stdout);
}

}  // namespace
}  // namespace daphnis::bench

int main() {
  using namespace daphnis::bench;
  fmt::print("Leave and join: median / 99th percentile / worst of {} L2s.\n\n", kMoves);
  fmt::print(
      "| L2s | points in | 3 candidates, ns | leave, µs | join, µs | worst join while it grows, µs "
      "| MB |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const size_t l2s :
       {size_t{5}, size_t{200}, size_t{2'000}, size_t{20'000}, size_t{100'000}}) {
    print_row<daphnis::broker::Ring>("16,384 sorted arrays (the broker's)", l2s);
    print_row<TreeRing>("a B-tree", l2s);
    // A join moves half the array 64 times: with 20,000 L2s that takes 21 ms.
    if (l2s <= 200) print_row<ArrayRing>("one sorted array", l2s);
  }
}
