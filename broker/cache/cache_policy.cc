#include "broker/cache/cache_policy.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

/// The exponent of the size in the value of a hit: 0 counts objects, 1 counts bytes. In
/// bench/policy 0.15 has the object hits of LRU-SP and far more byte hits; at 0.5 object hits
/// suffer.
constexpr double kSizeWeight = 0.15;
/// Below this share of the limit everything is admitted.
constexpr double kAdmitAllBelowFill = 0.8;
/// Objects up to this size are always admitted: they cost little to write and bring most object
/// hits.
constexpr uint64_t kAdmitAlwaysBytes = 1024 * 1024;
/// The number of requests, this one included, from which on an object is written to a full disk.
constexpr uint32_t kAdmitAtRequests = 2;

}  // namespace

std::unique_ptr<CachePolicy> make_cache_policy(CachePolicyKind kind, size_t keys) {
  if (kind == CachePolicyKind::kLruSp) return std::make_unique<LruSp>();
  return std::make_unique<Gdsf>(keys);
}

LruSp::LruSp() = default;

size_t LruSp::group_of(const Entry& entry) {
  return static_cast<size_t>(std::bit_width(entry.size / entry.hits));
}

void LruSp::link(CacheSlot slot) {
  Entry& entry = entries_[slot];
  Group& group = groups_[std::min(group_of(entry), kGroups - 1)];
  entry.older = group.newest;
  entry.newer = kNone;
  (group.newest == kNone ? group.oldest : entries_[group.newest].newer) = slot;
  group.newest = slot;
}

void LruSp::unlink(CacheSlot slot) {
  const Entry& entry = entries_[slot];
  Group& group = groups_[std::min(group_of(entry), kGroups - 1)];
  (entry.older == kNone ? group.oldest : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? group.newest : entries_[entry.newer].older) = entry.older;
}

void LruSp::add(CacheSlot slot, uint64_t, uint64_t size, uint64_t now) {
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  entries_[slot] = Entry{.size = size, .last_use = now, .hits = 1};
  link(slot);
}

void LruSp::touch(CacheSlot slot, uint64_t now) {
  unlink(slot);
  ++entries_[slot].hits;
  entries_[slot].last_use = now;
  link(slot);
}

void LruSp::remove(CacheSlot slot) {
  unlink(slot);
}

std::optional<CacheSlot> LruSp::victim(uint64_t now) const {
  std::optional<CacheSlot> worst;
  double worst_cost = -1;
  for (const Group& group : groups_) {
    if (group.oldest == kNone) continue;
    const Entry& entry = entries_[group.oldest];
    const double cost = static_cast<double>(now - entry.last_use + 1) *
                        static_cast<double>(entry.size) / entry.hits;
    if (cost > worst_cost) {
      worst_cost = cost;
      worst = group.oldest;
    }
  }
  return worst;
}

Gdsf::Gdsf(size_t keys) : sketch_(keys) {}

bool Gdsf::admits(uint64_t key_hash, uint64_t size, double fill) const {
  return fill < kAdmitAllBelowFill || size <= kAdmitAlwaysBytes ||
         sketch_.estimate(key_hash) >= kAdmitAtRequests;
}

double Gdsf::priority_of(const Entry& entry) const {
  return inflation_ +
         static_cast<double>(sketch_.estimate(entry.key_hash)) * static_cast<double>(entry.weight);
}

void Gdsf::add(CacheSlot slot, uint64_t key_hash, uint64_t size, uint64_t) {
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  Entry& entry = entries_[slot];
  entry.key_hash = key_hash;
  entry.weight = static_cast<float>(
      std::pow(static_cast<double>(std::max<uint64_t>(size, 1)), kSizeWeight - 1));
  entry.priority = priority_of(entry);
  heap_.push_back(slot);
  place(heap_.size() - 1, slot);
  sift_up(heap_.size() - 1);
}

void Gdsf::touch(CacheSlot slot, uint64_t) {
  Entry& entry = entries_[slot];
  entry.priority = priority_of(entry);
  sift_up(entry.heap_at);
  sift_down(entry.heap_at);
}

void Gdsf::remove(CacheSlot slot) {
  const size_t at = entries_[slot].heap_at;
  check(at < heap_.size() && heap_[at] == slot, "a cache slot is not where the heap says");
  // The entry on top is the victim: from now on new entries start from its priority.
  if (at == 0) inflation_ = std::max(inflation_, entries_[slot].priority);
  const CacheSlot last = heap_.back();
  heap_.pop_back();
  if (last == slot) return;
  place(at, last);
  sift_up(at);
  sift_down(entries_[last].heap_at);
}

std::optional<CacheSlot> Gdsf::victim(uint64_t) const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front();
}

void Gdsf::place(size_t at, CacheSlot slot) {
  heap_[at] = slot;
  entries_[slot].heap_at = static_cast<uint32_t>(at);
}

void Gdsf::sift_up(size_t at) {
  const CacheSlot slot = heap_[at];
  while (at > 0) {
    const size_t parent = (at - 1) / 2;
    if (entries_[heap_[parent]].priority <= entries_[slot].priority) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, slot);
}

void Gdsf::sift_down(size_t at) {
  const CacheSlot slot = heap_[at];
  while (2 * at + 1 < heap_.size()) {
    size_t child = 2 * at + 1;
    if (child + 1 < heap_.size() &&
        entries_[heap_[child + 1]].priority < entries_[heap_[child]].priority) {
      ++child;
    }
    if (entries_[slot].priority <= entries_[heap_[child]].priority) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, slot);
}

}  // namespace daphnis::broker
