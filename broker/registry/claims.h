#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/context.h"
#include "broker/health/root_bans.h"
#include "broker/registry/holdings.h"
#include "broker/registry/prover_table.h"
#include "broker/registry/registry.h"

namespace daphnis::broker {

/// How long an L2 may not announce a root whose claim it broke.
inline constexpr uint64_t kBrokenClaimMs = 600'000;

/// Tells claims from deeds (DESIGN 6): an announcement is a claim, and having proven that root is a
/// deed. An L2 that announced a root and then says that it lacks it, is silent or drips has broken
/// its claim: it holds the root no more, and may not announce it for kBrokenClaimMs. An L2 with a
/// deed for the root may be silent, since it is just slow today. Keeps the holdings in step. Owned
/// by Registrations. Settings::claims says what of this is done, and what only counted.
class Claims {
 public:
  /// All outlive this object.
  Claims(Context& context, Registry& registry, Holdings& holdings)
      : context_(context), registry_(registry), holdings_(holdings), deeds_(context.random) {}

  enum class Announced : uint8_t {
    kKept,
    kFull,    ///< A bound of Holdings is reached.
    kBroken,  ///< The L2 broke its claim to that root lately.
  };
  /// The L2 announces a root. Among the most holders that a root may have, strangers make way for
  /// L2s that are none, and those of one network for those of others.
  [[nodiscard]] Announced announce(const L2& l2, uint64_t key, uint64_t now_ms);
  /// The L2 says that it holds a root no more. True where it had announced it.
  bool withdraw(L2No l2, uint64_t key);

  /// A stream of the L2 was complete, from the block of this key on.
  void prove(const L2& l2, uint64_t key);
  /// The L2 says that it lacks the block of this key, or lied about it (`is_lie`).
  void lack(const L2& l2, uint64_t key, bool is_lie, uint64_t now_ms);
  /// The L2 was silent, or dripped, when it was asked for this root. True where it has broken its
  /// claim by that.
  bool fail(const L2& l2, uint64_t key, uint64_t now_ms);
  /// An L2 that has broken its claim by silence delivers after all.
  void mend(const L2& l2, uint64_t key, uint64_t now_ms);
  /// The registration of the L2 is over, and with it what it has announced and done. Broken claims
  /// stay.
  void forget(L2No l2);

  /// The L2s that proved the root of this key, the last one first; empty where Settings::claims
  /// does not say that they are to be asked.
  [[nodiscard]] ProverTable::Provers provers(uint64_t key) const;
  [[nodiscard]] size_t deeds() const { return deeds_.size(); }

 private:
  [[nodiscard]] bool is_on() const { return context_.settings.claims == RuleMode::kOn; }
  [[nodiscard]] bool has_deed(L2No l2, uint64_t key) const;
  void break_claim(const L2& l2, uint64_t key, uint64_t now_ms);
  void make_way(const L2& l2, uint64_t key);

  Context& context_;
  Registry& registry_;
  Holdings& holdings_;
  ProverTable deeds_;
  RootBans broken_{kBrokenClaimMs};
};

}  // namespace daphnis::broker
