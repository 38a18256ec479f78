#include "worker/broker/fetch_failure.h"

#include "common/base/check.h"

namespace daphnis::worker {

FailureKind failure_of(Outcome reason) {
  switch (reason) {
    case Outcome::kNoL2:
      return FailureKind::kNoL2;
    case Outcome::kL2sFailed:
      return FailureKind::kL2Failed;
    case Outcome::kSilent:
      return FailureKind::kL2Timeout;
    case Outcome::kNotFound:
      return FailureKind::kNotFound;
    case Outcome::kOverloaded:
      return FailureKind::kOverloaded;
    case Outcome::kDraining:
      return FailureKind::kDraining;
    default:
      abort_on_bug("a fetch's failure has no answer");
  }
}

}  // namespace daphnis::worker
