#include "common/request/outcome.h"

#include <array>

namespace daphnis {
namespace {

/// One row for each Outcome, in the enum's sequence. An L2's status is said in docs/protocol-l2.md;
/// a not-found is no fault of an L2, whose empty POST was received. A client's says whose fault it
/// is: 4xx the client's or the content's, 503 this server's, 502 the L2s', 504 that time ran out
/// (DESIGN 8).
constexpr auto kRows = [] {
  using enum Outcome;
  return std::to_array<OutcomeRow>({
      {kComplete, "complete", {}, 200},
      {kNotFound, "not_found", {404, "not_found", "no L2 that was asked has this content"}, 200},
      {kSilent, "silent", {504, "l2_timeout", "the L2s that were asked did not answer", 5}},
      {kStalled, "stalled", {}, 408},
      {kAborted, "aborted", {}, 422},
      {kLied,
       "verify_failed",
       {502, "l2_bad_content", "what L2s sent did not match the CID", 5},
       422},
      {kRegistrationLost, "l2_lost"},
      {kOvertaken, "overtaken", {}, 410},
      {kYielded, "yielded", {}, 410},

      {kHandOffLost, "lost", {}, 410},
      {kHandOffRefused, "hand_off_refused"},
      {kCancelled, "cancelled", {}, 410},
      {kWorkerGone, "worker_gone"},

      {kPathNotFound,
       "path_not_found",
       {404, "path_not_found", "the path does not exist below the root"}},
      {kPathNotALink,
       "path_not_a_link",
       {501, "path_not_a_link", "the path goes on below a plain value"}},
      {kUnsupportedContent,
       "content_unsupported",
       {406, "content_unsupported",
        "the content has a codec or hash that cannot be served as asked"}},
      {kContentTooLarge,
       "content_too_large",
       {410, "content_too_large", "the content is larger or deeper than this server walks"}},
      {kDenied, "denied", {410, "denied", "this content is not served here"}, 410},
      {kDeniedLegally,
       "denied_legally",
       {451, "denied_legally", "this content is not served here for legal reasons"},
       410},

      {kNoL2, "no_l2", {503, "no_l2", "no L2 is registered here", 5}},
      {kL2sFailed, "failed", {502, "l2_failed", "the L2s that have it broke off", 5}},
      {kDeadline, "deadline", {504, "deadline", "the content did not come in time", 5}},
      {kBrokerAway, "broker_away", {503, "broker_away", "the broker is not connected", 2}},
      {kOverloaded, "overloaded", {503, "overloaded", "too many requests at once", 1}},
      {kDraining, "draining", {503, "draining", "this server is going away", 1, true}},
      {kNotCached, "not_cached", {412, "not_cached", "only-if-cached, and it is not cached here"}},
      {kInternal, "internal", {500, "internal", "a fault of this server"}},

      {kHeadTimeout,
       "head_timeout",
       {408, "head_timeout", "the request took too long to come", 0, true}},
      {kBodyTooLarge,
       "body_too_large",
       {413, "body_too_large", "no request here needs a body", 0, true}},
      {kTooMany,
       "too_many_requests",
       {429, "too_many_requests", "this address asks for more than its share here", 1}},
      {kClientSlow,
       "client_slow",
       {503, "client_slow", "this client took too little while others waited", 1}},
      {kClientLeft, "client_left"},
      {kCutOff, "aborted"},
  });
}();
static_assert(kRows.size() == kOutcomes);
static_assert([] {
  for (size_t i = 0; i < kOutcomes; ++i) {
    if (static_cast<size_t>(kRows[i].outcome) != i) return false;
  }
  return true;
}());

}  // namespace

const OutcomeRow& row_of(Outcome outcome) {
  return kRows[static_cast<size_t>(outcome)];
}

}  // namespace daphnis
