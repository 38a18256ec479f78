#pragma once

#include <expected>

#include "common/http/http_parser.h"
#include "common/request/car_request.h"
#include "common/request/request_target.h"

namespace daphnis::worker {

/// The form of answer on which query and Accept agree. CARs are version 1, depth first.
struct Variant {
  AnswerFormat format = AnswerFormat::kCar;
  bool dups = false;                ///< Repeated blocks are sent again; for CARs only.
  bool accept_contributed = false;  ///< Accept chose something that the query left open.
  bool accept_matters = true;       ///< Another Accept field could have led to another answer.
};

/// Negotiates the form of the answer. `?format=` precedes Accept, and `car-version`, `car-order`,
/// `car-dups` precede Accept's parameters of a CAR (IPIP-0523). Accept is read by RFC 9110 section
/// 12.5.1: the highest q wins, then the more specific member, then the first. "*/*" and
/// "application/*" mean a CAR unless a CAR has q=0. A member that cannot be served is passed over
/// if another can be. Refused with 400: no format at all, and a format or parameter that is not
/// served.
[[nodiscard]] std::expected<Variant, http::Refusal> negotiate(const http::Head& head,
                                                              const http::Query& query);

}  // namespace daphnis::worker
