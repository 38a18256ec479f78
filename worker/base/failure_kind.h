#pragma once

#include <cstdint>

namespace daphnis::worker {

/// Every way in which a request can end without its content. The table in gateway/answers.cc gives
/// each a status, a stable code and advice on when to try again.
enum class FailureKind : uint8_t {
  kNotFound,            ///< All L2s that were asked lack the root.
  kPathNotFound,        ///< The path does not exist below the root.
  kPathNotALink,        ///< The path leads on below a value that is no link.
  kNotCached,           ///< The client said only-if-cached, and no cached file has the content.
  kUnsupportedContent,  ///< The DAG has a codec or hash that cannot be walked or proven.
  kContentTooLarge,     ///< The DAG exceeds a budget (DESIGN 5).
  kNoL2,                ///< No L2 is registered.
  kL2Failed,            ///< An L2 broke off.
  kL2Lied,              ///< An L2's bytes did not prove.
  kL2Timeout,           ///< All L2s that were asked stayed silent.
  kDeadline,            ///< The time for the request ran out (Settings::request_ms).
  kBrokerAway,          ///< The worker has no broker at the moment.
  kOverloaded,          ///< A bound of this server was reached.
  kDraining,            ///< The process is going away.
  kInternal,            ///< This server is at fault.
};
inline constexpr FailureKind kFailureKindLast = FailureKind::kInternal;

}  // namespace daphnis::worker
