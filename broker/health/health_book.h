#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/context.h"
#include "broker/health/accusations.h"
#include "broker/health/health.h"
#include "broker/health/healths.h"
#include "broker/health/pool.h"
#include "broker/health/recent_liars.h"
#include "broker/health/root_bans.h"

namespace daphnis::broker {

inline constexpr uint64_t kRootBanMs = 3'600'000;  ///< How long a liar is not asked for that root.
inline constexpr uint64_t kPoolEveryMs = 1'000;    ///< The pool's figures are so old at most.
inline constexpr uint32_t kJudgedMin = 16;         ///< Ends from which on failures may eject.
inline constexpr uint32_t kJudgedOnProbationMin = 4;  ///< The same while it is on probation.
inline constexpr size_t kSelfSuspicionLiarsMin = 3;   ///< So many L2s make us suspect ourselves.
inline constexpr uint64_t kSelfSuspicionMs = 60'000;  ///< So long after the last of them.

/// The health of all L2s, and who is ejected (DESIGN 6): for a lie at once, for failures where an
/// L2 fails far more than others do. Ejected L2s are asked after all others. Owned by
/// Registrations; counts and logs what it decides.
///
/// - A lie ejects for Settings::suspect_ms, and for kRootBanMs the L2 is not asked for that root.
/// - At most a third of the L2s is ejected for failures; of one or two, none is.
/// - Where kAccusersMin L2s with deeds lied about one root, it is quarantined: lies about it eject
///   nobody, and the ejections of those L2s for it are taken back.
/// - Where more than half of the L2s with deeds lied within a minute, the edge suspects itself:
///   nobody is ejected by a rule, and ejections for lies of that minute are taken back.
class HealthBook {
 public:
  /// `context` outlives the book.
  explicit HealthBook(Context& context) : context_(context), healths_(context.settings.ejection) {}

  // --- Registrations ---
  /// An L2 registers. What is known of it is kept. The reference is valid until close().
  [[nodiscard]] Health& open(std::string_view id, std::string_view address,
                             HealthOf of = HealthOf::kIdAtAddress) {
    return healths_.open(id, address, of);
  }
  /// Its registration is over. It is known on for a while.
  void close(const Health& l2) { healths_.close(l2.no()); }

  // --- What L2s do. One that is forgotten by now is passed over. ---
  /// The head of a POST came `ms` after its order; or an order was waited for so long in vain.
  void add_first_byte(HealthNo l2, uint64_t ms, uint64_t now_ms);
  /// The POST of an order came that was waited for `was_ms` in vain, `ms` after the order.
  void correct_first_byte(HealthNo l2, uint64_t was_ms, uint64_t ms, uint64_t now_ms);
  /// A block of it is proven, before the end of its order tells of that.
  void note_deed(HealthNo l2);
  /// An order ended. Returns the ejection that follows, of which the L2 is to be told.
  [[nodiscard]] std::optional<Ejection> add_end(HealthNo l2, const OrderEnd& end, uint64_t now_ms);

  /// The L2s whose ejections were taken back since the last call: they have all their places again.
  [[nodiscard]] std::vector<HealthNo> take_readmitted() { return std::exchange(readmitted_, {}); }

  // --- The operator ---
  void eject(Health& l2, uint64_t for_ms, uint64_t now_ms);
  /// Ends its ejection and probation, and forgets what it lied about.
  void readmit(Health& l2);

  // --- To choose by ---
  /// True where an L2 is not asked for this root, since it lied about it lately.
  [[nodiscard]] bool is_barred(const Health& l2, uint64_t root, uint64_t now_ms) const {
    return context_.settings.ejection == RuleMode::kOn && bans_.has(l2.no(), root, now_ms);
  }
  /// What is usual among the L2s; at most kPoolEveryMs old.
  [[nodiscard]] const Pool& pool(uint64_t now_ms) const;

  // --- To look at ---
  [[nodiscard]] bool suspects_itself(uint64_t now_ms) const { return now_ms < suspects_until_ms_; }
  [[nodiscard]] size_t roots_quarantined(uint64_t now_ms) const {
    return accusations_.quarantined(now_ms);
  }
  [[nodiscard]] const Healths& healths() const { return healths_; }
  [[nodiscard]] size_t bans() const { return bans_.size(); }

 private:
  [[nodiscard]] std::optional<Ejection> judge_lie(Health& l2, bool had_deeds, const OrderEnd& end,
                                                  uint64_t now_ms);
  [[nodiscard]] std::optional<Ejection> judge_failure(Health& l2, uint64_t now_ms);
  /// Undoes an ejection as Standing::take_back() does.
  void take_back(Health& l2, std::optional<uint64_t> root, uint64_t since_ms, uint64_t now_ms);
  /// An L2 with deeds lied about this root: perhaps the fault is the root's.
  void weigh_root(HealthNo liar, uint64_t root, uint64_t now_ms);
  /// An L2 with deeds lied: perhaps the fault is this edge's own.
  void weigh_suspicion(HealthNo liar, uint64_t now_ms);
  [[nodiscard]] std::optional<Ejection> eject_by_rule(Health& l2, EjectionReason reason,
                                                      std::optional<uint64_t> root,
                                                      uint64_t now_ms);
  void log_ejection(const char* event, const Health& l2, const Ejection& ejection);

  Context& context_;
  Healths healths_;
  RootBans bans_{kRootBanMs};
  Accusations accusations_;
  RecentLiars recent_liars_;
  uint64_t suspects_until_ms_ = 0;
  std::vector<HealthNo> readmitted_;
  mutable Pool pool_;
  mutable uint64_t pool_ms_ = 0;  ///< When it was computed; 0: never.
};

}  // namespace daphnis::broker
