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

/// The cache's entries in memory, with sizes, use and the sum of all bytes on disk, which never
/// passes the limit. Three kinds of bytes count: held (files under their final names), reserved
/// (for spools, before they are written) and deferred (unlinked, but some worker may still have a
/// descriptor open). Owned by the cache. It touches no files: it returns the keys to unlink, and
/// its owner reports what happened.
class CacheIndex {
 public:
  struct Settings {
    uint64_t limit_bytes = 0;
    CachePolicyKind policy = CachePolicyKind::kGdsf;
    size_t entries_max = 4'000'000;
    size_t keys_tracked = 1 << 20;  ///< Of the frequency sketch; 4 bytes each.
  };
  /// Keys whose files are to be unlinked; their bytes stay charged until freed(deferred_free).
  struct Evicted {
    uint64_t deferred_free = 0;  ///< 0: no key.
    std::vector<RequestKey> keys;
  };
  enum class Reserve { kGranted, kWaits, kRefused };

  explicit CacheIndex(const Settings& settings);
  CacheIndex(const CacheIndex&) = delete;
  CacheIndex& operator=(const CacheIndex&) = delete;

  /// Takes the filter by which workers see which keys are held; it is complete from the end of the
  /// next scan on. Call this before the first entry.
  void set_filter(const CountingBloomFilter& filter) { filter_ = filter; }

  /// Sets the monotonic clock, in milliseconds, that ages are counted by.
  void set_time(uint64_t now_ms);

  /// Tells the policy that a client asked for the key.
  void on_request(const RequestKey& key);
  /// True where an answer of `size` bytes is worth writing now.
  [[nodiscard]] bool admits(const RequestKey& key, uint64_t size) const;

  /// Reserves `bytes` more for a spool. kWaits: the reservation waits behind earlier ones and comes
  /// out of grants() in its turn. kRefused: it can never fit, a scan is on, or kCacheWaitingMax
  /// wait.
  Reserve reserve(const SpoolId& spool, uint64_t bytes);
  /// Charges `bytes` that a spool has on disk already, even beyond the limit.
  void hold(const SpoolId& spool, uint64_t bytes);
  /// Drops the reservation of a spool that waits; bytes granted before stay reserved.
  void stop_waiting(const SpoolId& spool);
  /// Turns a spool into this entry: releases its reservation and holds `size` instead. Call it
  /// before the file gets its final name, and only where find() knows no such key.
  void store(const SpoolId& spool, const CacheEntry& entry);
  /// Releases the reservation of a spool that becomes no entry.
  void release(const SpoolId& spool);
  /// Releases all reservations of a worker; returns how many spools had one.
  size_t release_all(WorkerId worker);
  /// Begins a scan: entries that are neither found nor stored from now on go with the next
  /// remove_unseen(). Until then all reservations are refused, since the bytes on disk are not yet
  /// known.
  void begin_scan();
  [[nodiscard]] bool is_scanning() const { return is_scanning_; }
  /// Takes the list of what may not be served that is in force. Entries that another one has judged
  /// are to be judged anew.
  void set_denylist(DenylistId id);
  /// Notes that the list in force denies nothing of the entry.
  void on_judged(const RequestKey& key);
  /// The number of entries that the list in force has not judged.
  [[nodiscard]] size_t unjudged() const { return unjudged_; }
  /// Notes a file that a scan found.
  void found(const CacheEntry& entry);

  /// Notes requests that a worker answered from its own reads of the cache. The policy learns of
  /// them even where the key is not held any more.
  void on_hits(const RequestKey& key, uint32_t hits);
  /// True where the file is held and was not proven for `hours`; then not again before on_proof().
  [[nodiscard]] bool wants_proof(const RequestKey& key, uint32_t hours);
  /// Notes the end of a proof. `is_good`: the file is proven; false: the proof did not come to an
  /// end.
  void on_proof(const RequestKey& key, bool is_good);
  [[nodiscard]] std::optional<CacheEntry> find(const RequestKey& key) const;

  /// Evicts until entries, reservations and those that wait fit into the limit. Call it after any
  /// of these has grown.
  [[nodiscard]] Evicted evict_to_fit();
  [[nodiscard]] Evicted remove(const RequestKey& key);
  /// Removes each entry whose root has this multihash, be its CID v0 or v1.
  [[nodiscard]] Evicted remove_root(Bytes multihash);
  [[nodiscard]] Evicted remove_all();
  /// Removes entries without a request for more than `idle_s` seconds, at most `entries_max`.
  [[nodiscard]] Evicted remove_unused(uint64_t idle_s, size_t entries_max);
  /// Ends the scan and removes the entries that were not found or stored since begin_scan().
  [[nodiscard]] Evicted remove_unseen();
  /// Takes the bytes of a deferred free off the charge: no descriptor of its files is open.
  void freed(uint64_t deferred_free);
  /// Grants the reservations that fit now, in the order of their requests.
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

  /// Adds the keys of up to `count` entries from `cursor` on that the list in force has not judged;
  /// returns the cursor to go on from, or 0 at the end.
  [[nodiscard]] uint64_t find_unjudged(uint64_t cursor, size_t count,
                                       std::vector<RequestKey>& keys) const;
  /// Visits up to `count` entries from `cursor` on; returns the cursor to go on from, or 0 at the
  /// end.
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
  /// The clocks begin far above 0, so that a time before this broker's start can be written too: up
  /// to 68 years before by the seconds, and 3.7 years by the hours.
  static constexpr uint32_t kClockBeginS = 0x8000'0000;
  static constexpr uint16_t kClockBeginH = 0x7fff;
  [[nodiscard]] uint16_t clock_h() const {
    return static_cast<uint16_t>(kClockBeginH +
                                 std::min((clock_s_ - kClockBeginS) / 3'600, 0x7fffU));
  }
  /// A root of up to this many bytes is kept in the slot; a CIDv1 with a 256-bit hash has 36.
  static constexpr size_t kShortRootBytes = 39;
  /// A CacheEntry in less memory, since there may be millions.
  struct Slot {
    RequestKey key;
    std::array<uint8_t, kShortRootBytes> root;
    uint8_t root_bytes = 0;  ///< 0: the root is in long_roots_.
    uint64_t size = 0;
    uint32_t stored_s = 0;
    uint32_t used_s = 0;  ///< The last use, by clock_s_.
    uint32_t hits = 0;
    uint16_t proven_h = 0;  ///< The last proof, by clock_h(); 0: never.
    bool is_held : 1 = false;
    bool is_proof_wanted : 1 = false;
    bool is_judged : 1 = false;  ///< By the list in force.
    uint8_t scan = 0;            ///< The number of the scan that saw it last.
  };
  static_assert(sizeof(Slot) == 96);
  /// A set of slots that is searched by key. It takes five bytes an entry; a second copy of each
  /// key would take 32.
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
  /// Removes the entry and adds its key and bytes to `evicted`.
  void evict_slot(CacheSlot slot, Evicted& evicted);
  void forget(CacheSlot slot);

  Settings settings_;
  std::unique_ptr<CachePolicy> policy_;
  std::optional<CountingBloomFilter> filter_;
  std::deque<Slot> slots_;  ///< A deque, since a vector that grows takes twice the memory.
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
  DenylistId denylist_ = 0;
  size_t unjudged_ = 0;
};

}  // namespace daphnis::broker
