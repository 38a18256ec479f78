#pragma once

#include <cstdint>

namespace daphnis::tls {

/// What kind of reason a session failed for, for those who want to say what can be done.
enum class Fault : uint8_t {
  kNone,
  kNotTrusted,          ///< No CA that is trusted has signed the peer's certificate.
  kWrongName,           ///< The peer's certificate is for other names.
  kOutOfDate,           ///< The peer's certificate has expired, or is not good yet.
  kNotTls,              ///< What the peer answered first is no TLS.
  kCertificateWanted,   ///< The peer wants a certificate of this side, and got none.
  kCertificateRefused,  ///< The peer does not take this side's certificate.
  kOther,
};

}  // namespace daphnis::tls
