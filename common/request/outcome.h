#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace daphnis {

/// How something ended: an L2's attempt, a whole fetch, a client's request. One enum for all, since
/// one end passes through all of them: an L2 lies, so its attempt, the fetch and the request have
/// ended by a lie. row_of() says what each of them is told.
enum class Outcome : uint8_t {
  // Of an L2's attempt.
  kComplete,  ///< All came; or proven bytes show that no L2 can do better. Also of answers.
  kNotFound,  ///< The L2 lacks the content. Of a fetch: all L2s that were asked lack it.
  kSilent,    ///< No POST came in time. Of a fetch: at least one L2 was silent, none failed.
  kStalled,   ///< A deadline passed without bytes or without a proven block.
  kAborted,   ///< The connection was cut in mid-body, or the body ended too early.
  kLied,      ///< What the L2 sent proves false: framing, CID or digest.
  kRegistrationLost,  ///< The L2's registration was lost or replaced before its POST came.
  kOvertaken,         ///< Another source of the same fetch proved the block due first: the L2 is
                      ///< slow, and not at fault.
  kYielded,  ///< Its readers took too little, so that its L2 gets the place back; the fetch goes on
             ///< with `skip` once they want more.
  // Of an L2's attempt, by what this edge did or failed to do.
  kHandOffLost,     ///< The socket did not come with its frame, or the worker could not use it.
  kHandOffRefused,  ///< Too many hand-offs wait for the worker.
  kCancelled,       ///< Nobody wants it any more.
  kWorkerGone,      ///< The worker went before it reported an end.
  // Of the content: proven bytes show that no L2 can serve the request.
  kPathNotFound,        ///< The path does not exist below the root.
  kPathNotALink,        ///< The path leads on below a value that is no link.
  kUnsupportedContent,  ///< The DAG has a codec or hash that cannot be walked or proven.
  kContentTooLarge,     ///< The DAG exceeds a budget (DESIGN 5).
  kDenied,              ///< The operator's list denies the request, or a block of its output.
  kDeniedLegally,       ///< The same, by a legal demand.
  // Of a whole fetch.
  kNoL2,        ///< No L2 is registered.
  kL2sFailed,   ///< At least one L2 failed or lied.
  kDeadline,    ///< The time for the request ran out.
  kBrokerAway,  ///< The worker has no broker at the moment.
  kOverloaded,  ///< A bound of this edge was reached.
  kDraining,    ///< The process is going away.
  kNotCached,   ///< The client said only-if-cached, and no cached file has the content.
  kInternal,    ///< This edge is at fault.
  // Of a client's request.
  kHeadTimeout,   ///< The client took too long to send it.
  kBodyTooLarge,  ///< It has a body that is longer than any request here needs.
  kTooMany,       ///< The client's address asks for more than its share.
  kClientSlow,    ///< The client took too little of the answer for too long, and was cut off.
  kClientLeft,    ///< The client left before the end.
  kCutOff,        ///< The worker cut the answer, so that no client takes it for whole.
};
inline constexpr size_t kOutcomes = static_cast<size_t>(Outcome::kCutOff) + 1;

/// What a client is told where its request ends so before its answer has begun.
struct ClientRefusal {
  int status = 0;                ///< 0: no client is told of this outcome.
  std::string_view code = {};    ///< A stable snake_case word, for logs and for the body.
  std::string_view detail = {};  ///< A sentence for the body.
  uint32_t retry_after_s = 0;    ///< 0 for no Retry-After field.
  bool is_last = false;          ///< No request should follow on this connection.
};

/// What each side is told of an outcome.
struct OutcomeRow {
  Outcome outcome;
  std::string_view name;  ///< In stats, metrics and logs; operators rely on it.
  ClientRefusal client = {};
  int l2_status = 0;  ///< Of a worker's reply to the L2's POST; 0: no worker's stream ends so.
};

[[nodiscard]] const OutcomeRow& row_of(Outcome outcome);
[[nodiscard]] inline std::string_view name_of(Outcome outcome) {
  return row_of(outcome).name;
}

}  // namespace daphnis
