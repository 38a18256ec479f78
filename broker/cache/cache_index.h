#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/cache_types.h"
#include "broker/base/ids.h"
#include "broker/cache/cache_policy.h"
#include "common/cachefile/counting_bloom_filter.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

/// What the cache holds, in memory: sizes, use and the sum of all bytes on disk, which never passes
/// the limit. Three kinds of bytes count: held (files under their own names), reserved (promised to
/// spools before they are written) and deferred (unlinked, but some worker may still have a
/// descriptor open). Owned by the broker; knows no files: it says what to unlink and is told what
/// happened.
class CacheIndex {
 public:
  struct Settings {
    uint64_t limit_bytes = 0;
    CachePolicyKind policy = CachePolicyKind::kGdsf;
    size_t entries_max = 4'000'000;
    size_t keys_tracked = 1 << 20;  ///< For the frequency sketch: 4 bytes each.
  };
  /// Files to unlink; their bytes stay charged until freed() is told of `deferred_free`.
  struct Evicted {
    uint64_t deferred_free = 0;  ///< 0: nothing.
    std::vector<RequestKey> keys;
  };
  enum class Reserve { kGranted, kWaits, kRefused };

  explicit CacheIndex(const Settings& settings);
  CacheIndex(const CacheIndex&) = delete;
  CacheIndex& operator=(const CacheIndex&) = delete;

  /// Where workers see which keys are held, from the next scan's end on. Before there is any entry.
  void set_filter(const CountingBloomFilter& filter) { filter_ = filter; }

  /// A clock that only goes forward while the broker runs, in milliseconds; ages follow it.
  void set_time(uint64_t now_ms);

  /// A client asked for the key. Feeds the policy.
  void on_request(const RequestKey& key);
  /// Whether an answer of `size` bytes is worth writing now.
  [[nodiscard]] bool admits(const RequestKey& key, uint64_t size) const;

  /// Promises `bytes` more to a spool. kWaits: the promise is kept in order and comes out of
  /// grants(); kRefused: it can never fit, or too many wait.
  Reserve reserve(const SpoolId& spool, uint64_t bytes);
  /// A spool that has this room already: charged even beyond the limit.
  void hold(const SpoolId& spool, uint64_t bytes);
  /// Takes back a reservation that waits; what was granted before stays.
  void stop_waiting(const SpoolId& spool);
  /// The spool became this entry: its reservation is given back and `size` is held instead. Call it
  /// before the file gets its name, and only where find() says that the key is not held.
  void store(const SpoolId& spool, const CacheEntry& entry);
  /// The spool is gone without an entry.
  void release(const SpoolId& spool);
  /// All spools of a worker are gone. Returns how many there were.
  size_t release_all(WorkerId worker);
  /// From here on entries must be found or stored to outlive the next remove_unseen(). Until then
  /// all reservations are refused: what lies on the disk beside them is not known.
  void begin_scan();
  [[nodiscard]] bool is_scanning() const { return is_scanning_; }
  /// A scan found this file.
  void found(const CacheEntry& entry);

  /// Requests that were answered without asking; feeds the policy also where the key is not held.
  void on_hits(const RequestKey& key, uint32_t hits);
  /// True, and not again before on_proof(): the file is held and was not proven for `hours`.
  [[nodiscard]] bool wants_proof(const RequestKey& key, uint32_t hours);
  /// The key's file was read to be proven, and is good; or nothing can be said of it.
  void on_proof(const RequestKey& key, bool is_good);
  [[nodiscard]] std::optional<CacheEntry> find(const RequestKey& key) const;

  /// Evicts until all that waits would fit. Call after anything that needs room.
  [[nodiscard]] Evicted evict_to_fit();
  [[nodiscard]] Evicted remove(const RequestKey& key);
  /// Every entry whose root has this multihash (v0 and v1 twins alike).
  [[nodiscard]] Evicted remove_root(Bytes multihash);
  [[nodiscard]] Evicted remove_all();
  /// What nobody asked for in `idle_s` seconds, at most `entries_max` at a time.
  [[nodiscard]] Evicted remove_unused(uint64_t idle_s, size_t entries_max);
  /// What was not found or stored since begin_scan().
  [[nodiscard]] Evicted remove_unseen();
  /// No descriptor of these files is open any more.
  void freed(uint64_t deferred_free);
  /// Reservations that can be given now, in the order they were asked for.
  [[nodiscard]] std::vector<SpoolId> grants();

  void set_limit(uint64_t limit_bytes) { settings_.limit_bytes = limit_bytes; }
  [[nodiscard]] uint64_t limit_bytes() const { return settings_.limit_bytes; }
  [[nodiscard]] uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] uint64_t reserved_bytes() const { return reserved_bytes_; }
  [[nodiscard]] uint64_t deferred_bytes() const { return deferred_bytes_; }
  [[nodiscard]] uint64_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] uint64_t charged_bytes() const {
    return held_bytes_ + reserved_bytes_ + deferred_bytes_;
  }
  [[nodiscard]] size_t entries() const { return slots_.size() - free_.size(); }
  [[nodiscard]] uint64_t evictions() const { return evictions_; }

  /// Visits up to `count` entries from `cursor` on and returns where to go on; 0: that was all.
  template <class Visit>
  uint64_t visit(uint64_t cursor, size_t count, Visit&& visit) const {
    for (; cursor < slots_.size() && count > 0; ++cursor) {
      if (!slots_[cursor].is_held) continue;
      visit(entry_of(static_cast<CacheSlot>(cursor)));
      --count;
    }
    return cursor < slots_.size() ? cursor : 0;
  }

 private:
  /// The clocks begin far from 0, so that what is older than this broker has a time too: of 68
  /// years, and of 3.7.
  static constexpr uint32_t kClockBeginS = 0x8000'0000;
  static constexpr uint16_t kClockBeginH = 0x7fff;
  [[nodiscard]] uint16_t clock_h() const {
    return static_cast<uint16_t>(kClockBeginH +
                                 std::min((clock_s_ - kClockBeginS) / 3'600, 0x7fffU));
  }
  /// Roots of up to this many bytes stand in the slot; CIDv1 with a 256-bit hash has 36.
  static constexpr size_t kShortRootBytes = 39;
  /// A CacheEntry in less memory: there may be millions.
  struct Slot {
    RequestKey key;
    std::array<uint8_t, kShortRootBytes> root;
    uint8_t root_bytes = 0;  ///< 0: the root stands in long_roots_.
    uint64_t size = 0;
    uint32_t stored_s = 0;
    uint32_t used_s = 0;  ///< By clock_s_.
    uint32_t hits = 0;
    uint16_t proven_h = 0;  ///< By the same in hours; 0: never.
    bool is_held : 1 = false;
    bool is_proof_wanted : 1 = false;
    uint8_t scan = 0;  ///< The scan that saw it last.
  };
  static_assert(sizeof(Slot) == 96);
  /// A set of slots that is searched by key: five bytes an entry instead of a second copy of it.
  struct KeyHash {
    using is_transparent = void;
    const std::deque<Slot>* slots;
    size_t operator()(CacheSlot slot) const { return (*this)((*slots)[slot].key); }
    size_t operator()(const RequestKey& key) const { return absl::HashOf(key); }
  };
  struct KeyEqual {
    using is_transparent = void;
    const std::deque<Slot>* slots;
    bool operator()(CacheSlot a, CacheSlot b) const { return a == b; }
    bool operator()(CacheSlot a, const RequestKey& b) const { return (*slots)[a].key == b; }
    bool operator()(const RequestKey& a, CacheSlot b) const { return (*slots)[b].key == a; }
  };
  struct Waiting {
    SpoolId spool;
    uint64_t bytes;
  };

  void insert(const CacheEntry& entry);
  [[nodiscard]] CacheEntry entry_of(CacheSlot slot) const;
  [[nodiscard]] std::optional<CacheSlot> slot_of(const RequestKey& key) const;
  /// Takes the entry out and adds its bytes to `evicted`.
  void evict_slot(CacheSlot slot, Evicted& evicted);
  void forget(CacheSlot slot);

  Settings settings_;
  std::unique_ptr<CachePolicy> policy_;
  std::optional<CountingBloomFilter> filter_;
  std::deque<Slot> slots_;  ///< A deque, since a growing vector would hold twice the memory.
  absl::flat_hash_map<CacheSlot, Cid> long_roots_;
  std::vector<CacheSlot> free_;
  absl::flat_hash_set<CacheSlot, KeyHash, KeyEqual> by_key_{0, KeyHash{&slots_}, KeyEqual{&slots_}};
  absl::flat_hash_map<SpoolId, uint64_t> spools_;  ///< Bytes reserved.
  absl::flat_hash_map<uint64_t, uint64_t>
      deferred_frees_;  ///< Bytes, by the number of the deferred free.
  std::deque<Waiting> waiting_;
  uint64_t last_free_ = 0;
  uint64_t held_bytes_ = 0;
  uint64_t reserved_bytes_ = 0;
  uint64_t deferred_bytes_ = 0;
  uint64_t waiting_bytes_ = 0;
  uint64_t clock_ = 0;
  uint32_t clock_s_ = kClockBeginS;
  std::optional<uint64_t> began_ms_;  ///< The first set_time().
  uint8_t scan_ = 0;
  bool is_scanning_ = false;
  uint64_t evictions_ = 0;
};

}  // namespace daphnis::broker
