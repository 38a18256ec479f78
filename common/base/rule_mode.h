#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"

namespace daphnis {

/// What is done with a rule that an operator may turn off.
enum class RuleMode : uint8_t {
  kOff,
  kObserve,  ///< It is only counted what the rule would do.
  kOn,
};

/// The operator's words for the modes.
inline constexpr std::array kRuleModeWords = {"off", "observe", "on"};

/// The mode that one of kRuleModeWords stands for.
[[nodiscard]] inline RuleMode rule_mode_of(std::string_view word) {
  if (word == "off") return RuleMode::kOff;
  if (word == "observe") return RuleMode::kObserve;
  check(word == "on", "no mode of a rule has such a word");
  return RuleMode::kOn;
}

}  // namespace daphnis
