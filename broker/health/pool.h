#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/health/health.h"

namespace daphnis::broker {

inline constexpr size_t kPoolP50SamplesMin = 8;  ///< An L2 with fewer samples has no p50 here.
inline constexpr uint32_t kPoolEndsMin = 4;      ///< One with fewer judged ends has no share here.
inline constexpr size_t kPoolSharesMin = 3;      ///< With fewer shares nobody is compared.
inline constexpr size_t kPoolL2sMax = 4'096;     ///< Of more, so many evenly spread ones are taken.
inline constexpr double kSpreadMin = 0.05;       ///< The least spread of shares.
inline constexpr double kSpreads = 3;            ///< So many above the median is far above.
inline constexpr double kShareMin = 0.5;         ///< Nobody is ejected for a share up to this.

/// What is usual among the registered L2s. Where some L2s of which a figure is known have deeds, it
/// is of those alone: an id costs nothing, and a crowd of ids that do nothing must not make that
/// usual. A value type.
struct Pool {
  std::optional<uint64_t> p50_ms = {};  ///< The median of the L2s' p50; nullopt: none has one.
  std::optional<uint64_t> p95_ms = {};  ///< The median of the L2s' p95; likewise.
  /// The median of OrderEnds::share_failed(); nullopt: fewer than kPoolSharesMin are known.
  std::optional<double> share_failed = {};
  double spread = 0;   ///< The median distance from it, at least kSpreadMin.
  size_t failing = 0;  ///< L2s that are ejected for failing, of all.

  /// True for a share of failures that is far above what is usual, and above kShareMin.
  [[nodiscard]] bool is_far_above(double share) const {
    return share_failed && share > kShareMin && share > *share_failed + kSpreads * spread;
  }
  [[nodiscard]] static Pool of(const std::vector<Health*>& l2s, uint64_t now_ms);
};

}  // namespace daphnis::broker
