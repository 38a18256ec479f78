#pragma once

#include <string_view>

#include "common/request/data_target.h"

/// What an L2 is told of its delivery, by the broker and by a worker that takes it itself.
namespace daphnis::delivery_replies {

inline constexpr BadTarget kWrongRoot{400, "wrong_root", "this request id is for another CID"};
inline constexpr BadTarget kBodyNotEmpty{400, "body_not_empty", "a not-found has no body"};
inline constexpr BadTarget kOtherL2{403, "other_l2",
                                    "this was asked of an L2 with another certificate"};
inline constexpr BadTarget kInClear{403, "in_clear",
                                    "this was asked for over TLS and must come so"};
inline constexpr BadTarget kUnknown{404, "unknown_request", "no such request id"};
inline constexpr BadTarget kTooSlow{408, "too_slow", "the request took too long to arrive"};
inline constexpr BadTarget kDelivered{409, "already_answered", "this request was answered before"};
inline constexpr BadTarget kCancelled{410, "cancelled", "nobody waits for this request any more"};
inline constexpr BadTarget kElsewhere{421, "other_worker", "deliver this to the L1's own address"};
/// The body of the 200 that a not-found gets.
inline constexpr std::string_view kNotFoundTakenBody = R"({"code":"not_found_taken"})";

}  // namespace daphnis::delivery_replies
