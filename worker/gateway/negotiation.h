#pragma once

#include <expected>

#include "common/http/http_parser.h"
#include "common/request/car_request.h"
#include "common/request/request_target.h"

namespace daphnis::worker {

/// The form of answer that query and Accept agree on. CARs are version 1 in depth-first order.
struct Variant {
  AnswerFormat format = AnswerFormat::kCar;
  bool dups = false;                ///< CARs only.
  bool accept_contributed = false;  ///< Accept said something that the query left open.
  bool accept_matters = true;       ///< Another Accept could have led to another answer.
};

/// `?format=` goes before Accept, and `car-version`, `car-order`, `car-dups` before Accept's
/// parameters of a CAR (IPIP-0523). Accept is read by RFC 9110 section 12.5.1: highest q, then the
/// more specific, then the first; "*/*" and "application/*" mean a CAR unless that has q=0. A
/// member we cannot serve is passed over if another can be. Refused with 400: no format at all, a
/// format or parameter we do not serve.
[[nodiscard]] std::expected<Variant, http::Refusal> negotiate(const http::Head& head,
                                                              const http::Query& query);

}  // namespace daphnis::worker
