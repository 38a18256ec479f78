#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "broker/base/context.h"
#include "broker/base/ids.h"
#include "common/base/network.h"

namespace daphnis::broker {

/// The keys that are remembered at once; each takes 16 bytes.
inline constexpr size_t kProverTableKeysMax = 1 << 20;
/// The L2s that are remembered of one key.
inline constexpr size_t kProversPerKeyMax = 2;
/// The part of the table that the L2s of one network may take together, and so each L2: one of so
/// many.
inline constexpr size_t kProverTableShares = 64;

/// Remembers which L2s have proven something of a key: its block (deeds, Registrations), or a block
/// that links to it (descent, the dispatcher). A hint and no more, since each byte is proven all
/// the same. Bounded: a set-associative table, where a full set gives up a key at random. Where a
/// network has all that it may have, its oldest pairs go. A secret decides which keys share a set.
/// The memory is taken with the first pair.
class ProverTable {
 public:
  using Provers = absl::InlinedVector<L2No, kProversPerKeyMax>;

  /// `random` gives the secret, once there is something to remember, and outlives this object.
  /// `keys_max` is a power of two, at least kProverTableShares.
  explicit ProverTable(const RandomSource& random, size_t keys_max = kProverTableKeysMax);

  /// An L2 of that network has proven it. True where that was not known. The network of an L2 may
  /// change only after forget().
  bool learn(uint64_t key, L2No l2, Network network);
  /// The L2s that did so, the last one first.
  [[nodiscard]] Provers provers(uint64_t key) const;
  /// An L2 has failed to bring the block of this key. True where it was remembered for it.
  bool strike(uint64_t key, L2No l2);
  /// Forgets all of an L2.
  void forget(L2No l2);

  /// The pairs of key and L2 that are remembered.
  [[nodiscard]] size_t size() const { return size_; }

 private:
  /// Names a batch in the table; 0: none. A number whose batch is gone stands for nothing.
  using BatchNo = uint32_t;
  struct Entry {
    uint64_t tag;
    std::array<BatchNo, kProversPerKeyMax> provers;  ///< The last one first.
  };
  static_assert(sizeof(Entry) == 16);
  /// Pairs that an L2 brought one after the other. They are forgotten together, whereupon what the
  /// table has of them is found to be dead when it is met.
  struct Batch {
    uint64_t age = 0;  ///< Of two batches the older one has the lower.
    L2No l2{};
    Network network{};
    size_t pairs = 0;  ///< In the table now.
    size_t given = 0;  ///< Ever.
  };
  struct OfNetwork {
    absl::btree_set<uint64_t> ages;  ///< Of its batches.
    size_t pairs = 0;
  };

  static constexpr size_t kWays = 8;  ///< The entries of a set.

  [[nodiscard]] uint64_t tag_of(uint64_t key) const;
  [[nodiscard]] Entry* set_of(uint64_t tag) const { return &entries_[(tag & set_mask_) * kWays]; }
  [[nodiscard]] bool is_live(const Entry& entry) const;
  [[nodiscard]] const Batch* find(BatchNo no) const;
  [[nodiscard]] Entry* find_entry(uint64_t key) const;
  [[nodiscard]] Entry& make_place(uint64_t tag);
  [[nodiscard]] BatchNo batch_for(L2No l2, Network network);
  [[nodiscard]] BatchNo begin_batch(L2No l2, Network network);
  [[nodiscard]] static BatchNo number_of(uint64_t age) { return static_cast<BatchNo>(age); }
  void take_memory();
  void count(BatchNo no, bool is_added);
  void drop(BatchNo no);
  void erase(BatchNo no);

  struct Free {
    void operator()(Entry* entries) const { std::free(entries); }
  };

  const RandomSource& random_;
  const size_t sets_;
  const uint64_t set_mask_;
  const size_t per_network_max_;
  const size_t batch_max_;
  std::unique_ptr<Entry[], Free> entries_;  ///< Null until the first pair.
  std::array<uint64_t, 2> secret_ = {};
  uint64_t choice_ = 0;  ///< The last random number.
  uint64_t last_age_ = 0;
  absl::flat_hash_map<BatchNo, Batch> batches_;
  /// The batches of each L2; the last one is added to.
  absl::flat_hash_map<L2No, std::vector<BatchNo>> of_l2_;
  absl::flat_hash_map<Network, OfNetwork> of_network_;
  size_t size_ = 0;
};

}  // namespace daphnis::broker
