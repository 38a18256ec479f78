#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>

#include "common/base/network.h"
#include "common/base/token_bucket.h"

namespace daphnis::broker {

/// Orders without content that one client's network may cause in a second, and at once.
inline constexpr uint64_t kFruitlessPerAddress = 64;
/// The same of all clients together.
inline constexpr uint64_t kFruitlessInAll = 1'000;
/// Networks whose orders are counted; beyond, those of a further one count in all alone. So many
/// have debts only where thousands of orders are out at once.
inline constexpr size_t kFruitlessNetworksMax = 16'384;

/// Bounds the orders that end without content, by the network of the client that asked and for all
/// clients together, so that nobody makes the L2s look for one CID after the other that does not
/// exist. Orders end after they were given, so that those under way may go beyond a bound; they are
/// owed then, up to those of a second. A pure container; owned by the dispatcher.
class FruitlessOrders {
 public:
  /// An order for a client of this network has ended without content; 0: nobody knows the network.
  void count(Network network, uint64_t now_ms);

  enum class Bound : uint8_t {
    kNone,  ///< A further order may be given.
    kAddress,
    kAll,
  };
  /// The bound that a further order for this network would go beyond.
  [[nodiscard]] Bound bound_of(Network network, uint64_t now_ms);
  /// When bound_of() may be kNone again: in so many seconds, at least 1.
  [[nodiscard]] uint32_t retry_after_s(Network network, uint64_t now_ms);

  [[nodiscard]] size_t networks() const { return of_network_.size(); }

 private:
  [[nodiscard]] TokenBucket* find(Network network);
  void forget_quiet(uint64_t now_ms);

  TokenBucket in_all_{kFruitlessInAll, kFruitlessInAll};
  /// Those that are not full, and some that have become so.
  absl::flat_hash_map<Network, TokenBucket> of_network_;
  uint64_t next_forget_ms_ = 0;
};

}  // namespace daphnis::broker
