#pragma once

#include <string>

#include "common/tls/fault.h"
#include "common/tls/openssl.h"

/// Words for what OpenSSL found wrong; for the sources of this folder alone.
namespace daphnis::tls {

/// Why a session failed.
struct Verdict {
  Fault fault = Fault::kNone;
  std::string problem = {};  ///< In plain words.
};

/// Why `found`, which is checking the certificate of a server that was asked for as `host`, has
/// refused it.
[[nodiscard]] Verdict certificate_verdict(X509_STORE_CTX* found, const std::string& host);
/// What the newest of OpenSSL's errors means for `ssl`; all are forgotten. `otherwise`: the problem
/// where there is none.
[[nodiscard]] Verdict take_verdict(const SSL* ssl, const std::string& otherwise);

}  // namespace daphnis::tls
