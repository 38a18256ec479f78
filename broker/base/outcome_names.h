#pragma once

#include <string_view>

#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// The names of outcomes in stats and metrics; operators rely on them.
[[nodiscard]] inline std::string_view name(ipc::AttemptOutcome outcome) {
  switch (outcome) {
    case ipc::AttemptOutcome::kComplete:
      return "complete";
    case ipc::AttemptOutcome::kNotFound:
      return "not_found";
    case ipc::AttemptOutcome::kVerifyFailed:
      return "verify_failed";
    case ipc::AttemptOutcome::kAborted:
      return "aborted";
    case ipc::AttemptOutcome::kStalled:
      return "stalled";
    case ipc::AttemptOutcome::kCancelled:
      return "cancelled";
    case ipc::AttemptOutcome::kLost:
      return "lost";
  }
  return "unknown";
}

[[nodiscard]] inline std::string_view name(ipc::FetchFailure failure) {
  switch (failure) {
    case ipc::FetchFailure::kNoL2:
      return "no_l2";
    case ipc::FetchFailure::kFailed:
      return "failed";
    case ipc::FetchFailure::kSilent:
      return "silent";
    case ipc::FetchFailure::kNotFound:
      return "not_found";
    case ipc::FetchFailure::kOverloaded:
      return "overloaded";
    case ipc::FetchFailure::kDraining:
      return "draining";
  }
  return "unknown";
}

}  // namespace daphnis::broker
