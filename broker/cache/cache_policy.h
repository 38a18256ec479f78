#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/base/cache_types.h"
#include "broker/cache/frequency_sketch.h"

namespace daphnis::broker {

/// The number of an entry in the cache index; a number is used again after its entry is gone.
using CacheSlot = uint32_t;

/// Decides which entry a full cache evicts. Knows entries by slot; bytes and files are kept by the
/// index. Owned by the cache index.
class CachePolicy {
 public:
  virtual ~CachePolicy() = default;

  /// Notes a request for a key, whether the cache holds it or not.
  virtual void on_request(uint64_t key_hash) = 0;
  /// True where an object of `size` bytes that is not held is worth writing. `fill` is the share of
  /// the limit that entries take.
  [[nodiscard]] virtual bool admits(uint64_t key_hash, uint64_t size, double fill) const = 0;
  virtual void add(CacheSlot slot, uint64_t key_hash, uint64_t size, uint64_t now) = 0;
  /// Notes a hit. `now` may count anything that only grows, such as requests.
  virtual void touch(CacheSlot slot, uint64_t now) = 0;
  virtual void remove(CacheSlot slot) = 0;
  /// The entry to evict next; nullopt: no entry is held.
  [[nodiscard]] virtual std::optional<CacheSlot> victim(uint64_t now) const = 0;
};

[[nodiscard]] std::unique_ptr<CachePolicy> make_cache_policy(CachePolicyKind kind, size_t keys);

/// LRU-SP (Cheng and Kambayashi, 2000): entries are grouped by log2(size / hits), each group in
/// order of last use; among the least recent of each group, the victim is the one with the largest
/// age x size / hits. A touch is constant work, and a victim a scan of at most 64 groups. Admits
/// all objects.
class LruSp final : public CachePolicy {
 public:
  LruSp();
  void on_request(uint64_t) override {}
  [[nodiscard]] bool admits(uint64_t, uint64_t, double) const override { return true; }
  void add(CacheSlot slot, uint64_t key_hash, uint64_t size, uint64_t now) override;
  void touch(CacheSlot slot, uint64_t now) override;
  void remove(CacheSlot slot) override;
  [[nodiscard]] std::optional<CacheSlot> victim(uint64_t now) const override;

 private:
  static constexpr size_t kGroups = 64;
  static constexpr CacheSlot kNone = ~CacheSlot{0};
  struct Entry {
    uint64_t size = 0;
    uint64_t last_use = 0;
    uint32_t hits = 0;
    CacheSlot older = kNone;
    CacheSlot newer = kNone;
  };
  struct Group {
    CacheSlot oldest = kNone;
    CacheSlot newest = kNone;
  };
  [[nodiscard]] static size_t group_of(const Entry& entry);
  void link(CacheSlot slot);
  void unlink(CacheSlot slot);

  std::vector<Entry> entries_;
  std::array<Group, kGroups> groups_;
};

/// GDSF (Cherkasova, 1998) with two changes. The frequency is the sketch's, which remembers an
/// object over its eviction; and the value of a hit lies between one object and its bytes
/// (size^kSizeWeight), so that small objects do not push out all large popular ones. Once the disk
/// is mostly full, only small objects and those requested before are admitted.
class Gdsf final : public CachePolicy {
 public:
  explicit Gdsf(size_t keys);
  void on_request(uint64_t key_hash) override { sketch_.add(key_hash); }
  [[nodiscard]] bool admits(uint64_t key_hash, uint64_t size, double fill) const override;
  void add(CacheSlot slot, uint64_t key_hash, uint64_t size, uint64_t now) override;
  void touch(CacheSlot slot, uint64_t now) override;
  void remove(CacheSlot slot) override;
  [[nodiscard]] std::optional<CacheSlot> victim(uint64_t now) const override;

 private:
  struct Entry {
    uint64_t key_hash = 0;
    float weight = 0;  ///< size^kSizeWeight / size; each hit adds this to the priority.
    uint32_t heap_at = 0;
    double priority = 0;
  };
  [[nodiscard]] double priority_of(const Entry& entry) const;
  void place(size_t at, CacheSlot slot);
  void sift_up(size_t at);
  void sift_down(size_t at);

  FrequencySketch sketch_;
  std::vector<Entry> entries_;
  std::vector<CacheSlot> heap_;  ///< A heap with the smallest priority first.
  double inflation_ = 0;         ///< GDSF's L: the priority of the last victim.
};

}  // namespace daphnis::broker
