#include "worker/broker/fetch_failure.h"

#include "common/base/check.h"

namespace daphnis::worker {

FailureKind failure_of(ipc::FetchFailure failure) {
  switch (failure) {
    case ipc::FetchFailure::kNoL2:
      return FailureKind::kNoL2;
    case ipc::FetchFailure::kFailed:
      return FailureKind::kL2Failed;
    case ipc::FetchFailure::kSilent:
      return FailureKind::kL2Timeout;
    case ipc::FetchFailure::kNotFound:
      return FailureKind::kNotFound;
    case ipc::FetchFailure::kOverloaded:
      return FailureKind::kOverloaded;
    case ipc::FetchFailure::kDraining:
      return FailureKind::kDraining;
  }
  abort_on_bug("a fetch's failure has no answer");
}

}  // namespace daphnis::worker
