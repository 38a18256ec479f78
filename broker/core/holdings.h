#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/core/ids.h"
#include "common/core/cid.h"

namespace daphnis::broker {

/// The key under which a CID is placed on the ring and in the holdings: the hash of its multihash,
/// so that v0 and v1 twins agree.
[[nodiscard]] uint64_t key_of_multihash(const Cid& cid);

/// Which L2 announced which roots (DESIGN 3.1). Hints, not truth: they decide who is asked first,
/// never what is believed, so 64 bits of each multihash are enough. Owned by the broker.
class Holdings {
 public:
  enum class Added : uint8_t { kNew, kKnown, kFull };

  /// kFull where a bound (per L2, per root, in total) is reached; counted by the caller.
  Added add(L2No l2, uint64_t key);
  /// True where it was there.
  bool remove(L2No l2, uint64_t key);
  void remove_all(L2No l2);

  /// Who announced it, in order of announcement; at most kHoldersPerRootMax.
  [[nodiscard]] const std::vector<L2No>& holders(uint64_t key) const;
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t size_of(L2No l2) const;

 private:
  void forget_holder(L2No l2, uint64_t key);

  absl::flat_hash_map<uint64_t, std::vector<L2No>> holders_;
  absl::flat_hash_map<L2No, absl::flat_hash_set<uint64_t>> keys_;
  size_t size_ = 0;  ///< Pairs.
};

}  // namespace daphnis::broker
