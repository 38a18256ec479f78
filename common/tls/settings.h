#pragma once

#include <string>
#include <vector>

namespace daphnis::tls {

/// A certificate and its key, as files hold them (PEM, RFC 7468).
struct CertificateText {
  std::string chain;  ///< The leaf, and behind it what leads to a CA's certificate.
  std::string key;    ///< The leaf's private key, without a passphrase.
  /// Names that errors use for the two, such as paths.
  std::string chain_name = {};
  std::string key_name = {};
};

}  // namespace daphnis::tls
