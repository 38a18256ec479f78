#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "broker/registry/l2.h"
#include "common/ipld/multihash_key.h"

namespace daphnis::broker {

/// The roots that each L2 has announced (DESIGN 3.1). Holdings only decide which L2 is asked first,
/// and each byte is proven all the same, so 64 bits of each multihash are enough. Owned by the
/// broker.
class Holdings {
 public:
  enum class Added : uint8_t { kNew, kKnown, kFull };

  /// `per_network_max` bounds the roots of all L2s of one network; 0: no bound.
  explicit Holdings(size_t per_network_max = 0) : per_network_max_(per_network_max) {}

  /// Adds a root. kFull: a bound (per L2, per network, per root, in total) is reached. The network
  /// of `l2` may change only while it holds nothing.
  Added add(const L2& l2, uint64_t key);
  /// Makes room for `newcomer` among the holders of a root that has kHoldersPerRootMax of them:
  /// takes one out that `may_go`, the last one of the network that has most of these. For a
  /// newcomer that may go itself only one of another network does, which has more of them than the
  /// newcomer's then would. Returns the L2 that lost its root; nullopt: there was no need, or none
  /// may go.
  std::optional<L2No> make_way(const L2& newcomer, uint64_t key,
                               const std::function<bool(L2No)>& may_go);
  /// True where the root was there.
  bool remove(L2No l2, uint64_t key);
  void remove_all(L2No l2);

  /// The L2s that announced a root, the first one first; at most kHoldersPerRootMax. Nearly all
  /// roots have one or two.
  using Holders = absl::InlinedVector<L2No, 2>;
  [[nodiscard]] const Holders& holders(uint64_t key) const;
  [[nodiscard]] bool has(L2No l2, uint64_t key) const;
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t size_of(L2No l2) const;
  /// The number of roots that the table has memory for; it shrinks as roots are removed.
  [[nodiscard]] size_t capacity() const { return holders_.capacity(); }

 private:
  struct Held {
    Network network{};
    absl::flat_hash_set<uint64_t> keys;
  };

  /// True where no bound but that of a root's holders keeps the L2 from announcing one more.
  [[nodiscard]] bool has_room_for(const L2& l2) const;
  void forget_holder(L2No l2, Network network, uint64_t key);
  void give_back();

  const size_t per_network_max_;
  absl::flat_hash_map<uint64_t, Holders> holders_;
  absl::flat_hash_map<L2No, Held> of_l2_;
  absl::flat_hash_map<Network, size_t> per_network_;  ///< Pairs of root and L2; no 0.
  size_t size_ = 0;                                   ///< Pairs of root and L2.
};

}  // namespace daphnis::broker
