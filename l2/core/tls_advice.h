#pragma once

#include <string>
#include <string_view>

#include "common/base/slice.h"
#include "common/tls/fault.h"
#include "l2/core/l1_url.h"

namespace daphnis::l2 {

/// What the owner of an L2 can do about a TLS session with that L1 which failed for this; empty
/// where nothing is known to help.
[[nodiscard]] std::string advice_for(tls::Fault fault, const L1Url& l1);
/// The same where an L1 was spoken to in plain text and sent `first`, the beginning of something
/// that is no HTTP, or nothing at all, and closed the connection.
[[nodiscard]] std::string advice_for_no_http(Bytes first, const L1Url& l1);

/// The same where a data URL with this port, of `hosts` (DataUrls::hosts_of()), could not be
/// reached; `fault` is kNone where it came to no TLS session.
[[nodiscard]] std::string advice_for_data_url(tls::Fault fault, const std::string& hosts,
                                              uint16_t port);

}  // namespace daphnis::l2
