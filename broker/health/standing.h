#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace daphnis::broker {

inline constexpr uint64_t kEjectionMsMax = 3'600'000;  ///< The longest ejection by a rule.
inline constexpr uint32_t kProbationSuccesses = 4;     ///< Proven streams that end a probation.
/// Time without an ejection after which a proven stream halves the next one.
inline constexpr uint64_t kGoodConductMs = 600'000;

/// Why an L2 is asked after all others.
enum class EjectionReason : uint8_t {
  kLied,      ///< Its bytes failed verification.
  kFailing,   ///< It is silent, or cuts its streams, far more than other L2s.
  kOperator,  ///< The operator said so.
};

/// As lists, metrics, logs and the L2 itself have it.
[[nodiscard]] std::string_view name(EjectionReason reason);

/// An ejection as it begins.
struct Ejection {
  EjectionReason reason = EjectionReason::kLied;
  uint64_t for_ms = 0;
};

/// Whether one L2 is ejected, and for how long it would be the next time: each ejection by a rule
/// is twice as long as the one before, up to kEjectionMsMax; good conduct halves it again. An
/// ejection is followed by a probation: one order at a time, until kProbationSuccesses streams
/// were proven. A value type.
class Standing {
 public:
  /// Ejects it by a rule, the first time for `first_ms`; where it is ejected already, from now on
  /// anew. `root` is the key of the root that it lied about. Returns for how long.
  uint64_t eject(EjectionReason reason, std::optional<uint64_t> root, uint64_t first_ms,
                 uint64_t now_ms);
  /// Ejects it for so long since the operator says so. No probation follows.
  void eject_by_operator(uint64_t for_ms, uint64_t now_ms);
  /// Ends an ejection and its probation, and forgets those before.
  void readmit() { *this = {}; }
  /// Undoes the last ejection, as if it had not been, where it is for lying and it began at
  /// `since_ms` or later; with a `root`, only where it is for that one alone. Returns whether it
  /// was undone.
  bool take_back(std::optional<uint64_t> root, uint64_t since_ms, uint64_t now_ms);
  /// A stream of it was proven. Returns true where that ends its probation.
  bool on_success(uint64_t now_ms);

  [[nodiscard]] bool is_ejected(uint64_t now_ms) const { return now_ms < until_ms_; }
  /// Why it is or was ejected last.
  [[nodiscard]] EjectionReason reason() const { return reason_; }
  [[nodiscard]] uint64_t left_ms(uint64_t now_ms) const {
    return is_ejected(now_ms) ? until_ms_ - now_ms : 0;
  }
  /// When the present or last ejection began; 0: never.
  [[nodiscard]] uint64_t ejected_ms() const { return ejected_ms_; }
  /// It gets one order at a time; so also while it is ejected by a rule.
  [[nodiscard]] bool is_on_probation() const { return successes_needed_ > 0; }
  [[nodiscard]] uint32_t successes_needed() const { return successes_needed_; }

 private:
  uint64_t until_ms_ = 0;
  uint64_t ejected_ms_ = 0;
  uint64_t conduct_ms_ = 0;        ///< Since when its conduct is good.
  std::optional<uint64_t> root_;   ///< The only root that the present ejection is for.
  uint32_t doublings_ = 0;         ///< Of the next ejection.
  uint32_t doublings_before_ = 0;  ///< Of the present one, before it began.
  uint32_t successes_needed_ = 0;
  uint32_t successes_needed_before_ = 0;  ///< Before the present ejection began.
  EjectionReason reason_ = EjectionReason::kLied;
};

}  // namespace daphnis::broker
