#pragma once

#include "common/denylist/deny_table.h"
#include "common/request/outcome.h"

namespace daphnis {

/// How a request ends that may not be served.
[[nodiscard]] inline Outcome outcome_of(const Denial& denial) {
  return denial.is_legal ? Outcome::kDeniedLegally : Outcome::kDenied;
}

}  // namespace daphnis
