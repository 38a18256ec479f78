#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <cstdint>

#include "broker/registry/l2.h"
#include "common/ipld/cid.h"

namespace daphnis::broker {

/// The key under which a CID is placed on the ring and in the holdings: the hash of its multihash,
/// so that v0 and v1 twins agree.
[[nodiscard]] uint64_t key_of_multihash(const Cid& cid);

/// Which L2 announced which roots (DESIGN 3.1). Hints, not truth: they decide who is asked first,
/// never what is believed, so 64 bits of each multihash are enough. Owned by the broker.
class Holdings {
 public:
  enum class Added : uint8_t { kNew, kKnown, kFull };

  /// `per_network_max`: roots of all L2s of one network; 0: no bound. The other bounds are limits.
  explicit Holdings(size_t per_network_max = 0) : per_network_max_(per_network_max) {}

  /// kFull where a bound (per L2, per network, per root, in total) is reached; counted by the
  /// caller. `l2`'s network may change only while it holds nothing.
  Added add(const L2& l2, uint64_t key);
  /// True where it was there.
  bool remove(L2No l2, uint64_t key);
  void remove_all(L2No l2);

  /// In order of announcement; at most kHoldersPerRootMax. Nearly all roots have one or two.
  using Holders = absl::InlinedVector<L2No, 2>;
  /// Who announced it.
  [[nodiscard]] const Holders& holders(uint64_t key) const;
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t size_of(L2No l2) const;
  /// Places for roots there is memory for. It is given back as roots go.
  [[nodiscard]] size_t capacity() const { return holders_.capacity(); }

 private:
  struct Held {
    Network network{};
    absl::flat_hash_set<uint64_t> keys;
  };

  void forget_holder(L2No l2, Network network, uint64_t key);
  void give_back();

  const size_t per_network_max_;
  absl::flat_hash_map<uint64_t, Holders> holders_;
  absl::flat_hash_map<L2No, Held> of_l2_;
  absl::flat_hash_map<Network, size_t> per_network_;  ///< Pairs; none stands with 0.
  size_t size_ = 0;                                   ///< Pairs.
};

}  // namespace daphnis::broker
