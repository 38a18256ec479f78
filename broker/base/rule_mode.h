#pragma once

#include <cstdint>

namespace daphnis::broker {

/// What is done with a rule that an operator may turn off.
enum class RuleMode : uint8_t {
  kOff,
  kObserve,  ///< It is only counted what the rule would do.
  kOn,
};

}  // namespace daphnis::broker
