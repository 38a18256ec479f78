#pragma once

#include <cstdint>

namespace daphnis::worker {

/// Every way a request can end without its content. The table in gateway/answers.cc gives each its
/// status, stable code and advice on when to try again.
enum class FailureKind : uint8_t {
  kNotFound,            ///< All L2s that were asked said they do not have the root.
  kPathNotFound,        ///< The path does not exist below the root.
  kPathNotALink,        ///< The path goes on below a value that is no link.
  kNotCached,           ///< only-if-cached, and it is not.
  kUnsupportedContent,  ///< A codec or hash in the DAG that cannot be walked or proven.
  kContentTooLarge,     ///< The DAG passes a budget (DESIGN 5).
  kNoL2,                ///< No L2 is registered.
  kL2Failed,            ///< An L2 broke off.
  kL2Lied,              ///< An L2's bytes did not prove.
  kL2Timeout,           ///< L2s were asked and stayed silent.
  kDeadline,            ///< The request's own time ran out.
  kBrokerAway,          ///< This worker has no broker at the moment.
  kOverloaded,          ///< A bound of ours was reached.
  kDraining,            ///< This process is going away.
  kInternal,            ///< A fault of ours.
};
inline constexpr FailureKind kFailureKindLast = FailureKind::kInternal;

}  // namespace daphnis::worker
