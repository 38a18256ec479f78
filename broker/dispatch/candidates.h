#pragma once

#include <span>
#include <vector>

#include "broker/dispatch/fetch.h"
#include "broker/registry/registrations.h"

namespace daphnis::broker {

/// Up to so many L2s on the ring it makes no difference that one has announced all that it has.
inline constexpr size_t kCompleteL2sMin = 32;
/// L2s that had announced all that they have, and are asked for something else by one fetch.
inline constexpr uint32_t kCompletePerFetchMax = 8;
/// Of the same, those that are passed over on the ring for the sake of others.
inline constexpr size_t kCompletePassedOverMax = 256;

/// Strangers that announced the root and are asked by one fetch.
inline constexpr uint32_t kClaimantsPerFetchMax = 8;

/// True where L2s that have announced all that they have are passed over for others.
[[nodiscard]] inline bool passes_over_complete(const Ring& ring, const Settings& settings) {
  return settings.complete_holdings == RuleMode::kOn && ring.size() > kCompleteL2sMin;
}

/// The L2 to ask next.
struct Choice {
  L2* l2 = nullptr;        ///< Null: no L2 is left.
  bool must_wait = false;  ///< No L2 left has a free place; the queue of `l2` has one.
  bool is_behind = false;  ///< With must_wait: `l2` does not read its lines (L2::is_behind).
  /// Without an L2: some are left, but their queues are full, or a wait there would be too long.
  bool is_crowded = false;
  uint64_t wait_ms = 0;        ///< With is_crowded: the shortest such wait; 0: all queues are full.
  bool is_slow_probe = false;  ///< `l2` is slow, and asked first to see whether it still is.
  uint32_t slow_passed_over = 0;  ///< L2s that come later since they are slow, or would.
  bool is_from_descent = false;   ///< `l2` is one of the provers.
  bool is_complete = false;       ///< `l2` has announced all that it has, and not this.
  /// Such an L2 was passed over for `l2`; or, where that is only observed, `l2` would have been.
  bool passes_complete = false;
  /// L2s that bounded load passed over for `l2`, or would have where it is only observed.
  uint32_t passed_over = 0;
  uint32_t passed_over_new = 0;  ///< Of these, only since they were new.
  bool is_stranger = false;      ///< No block of `l2` was ever proven.
  bool is_claimant = false;      ///< Such an L2 that has announced the root.
  /// Strangers that were passed over for others, or would have been where that is only observed.
  uint32_t strangers_passed_over = 0;
  /// How far `l2` is from what one would ask first; a lower one is better.
  enum class Rank : uint8_t {
    kGood,
    kStranger,  ///< A stranger, where strangers have had their share.
    kEjected,
    kComplete,  ///< As is_complete.
    kBehind,
    kNone,  ///< There is no L2.
  };
  Rank rank = Rank::kNone;
  /// Without an L2: some were passed over since they lied about this root lately.
  bool has_liars = false;
};

/// Chooses by DESIGN 2 step 8: L2s that proved the root come first, then other holders of which
/// some block was proven, then `provers`, which proved a block that links to the root, then holders
/// that are strangers, by chance, then the ring clockwise from the root's key; no L2 twice, and
/// never one that lied to this fetch, or about this root lately (HealthBook::is_barred). Of the
/// first two L2s at most one is a prover, of all kProversPerKeyMax; and at most one is a stranger,
/// the ring's first L2 aside. Strangers come after all others that are not ejected where their
/// network has kStrangersPerNetworkAndFetch of the fetch's L2s or kStrangerOrdersPerNetwork orders,
/// or all strangers together more than their share (Strangers), though for that share those that
/// announced the root come after two L2s at most; of these a fetch asks kClaimantsPerFetchMax. An
/// L2 without a free place is passed over for one that has a place, but a fetch waits for a holder,
/// since the others only might have the content. The first of all should not be slow (is_slow)
/// where as good a one has a free place, but for one fetch in kSlowProbeEvery. L2s that are ejected
/// come after all others, and L2s that do not read their lines come last. Where there are more than
/// kCompleteL2sMin, those that have announced all that they have, and not this, come after all
/// others that read their lines, and kCompletePerFetchMax at most. Where Fetch::prefers_exact, L2s
/// that send whole DAGs come after all that can be asked now and are not ejected. At an L2 where
/// the wait is likely to be longer than Settings::queue_wait_ms_max nobody waits. Of the ring's
/// L2s, one with more of the `attempts` in flight at all L2s than FairShare allows it is passed
/// over for one that has a free place and fewer, as Settings::bounded_load says.
[[nodiscard]] Choice choose_candidate(const Fetch& fetch, Registrations& registrations,
                                      const Settings& settings, std::span<const L2No> provers,
                                      size_t attempts, uint64_t now_ms);

/// Chooses among the L2s that served the fetch before and do not now: the one with most blocks
/// proven comes first, and one with a free place before all others.
[[nodiscard]] Choice choose_past_source(const Fetch& fetch, Registrations& registrations,
                                        const Settings& settings, uint64_t now_ms);

/// Chooses this L2, even if it was asked before.
[[nodiscard]] Choice choose_again(const Fetch& fetch, Registrations& registrations,
                                  const Settings& settings, L2No no, uint64_t now_ms);

/// The L2s without a free place that choose_candidate(), choose_past_source() or choose_again() for
/// one of Fetch::to_ask_again might choose if they had one; an L2 may come twice.
[[nodiscard]] std::vector<L2No> full_candidates(const Fetch& fetch, Registrations& registrations,
                                                const Settings& settings,
                                                std::span<const L2No> provers);

}  // namespace daphnis::broker
