#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/openssl.h"
#include "common/tls/settings.h"

/// Certificates in OpenSSL's form; for the sources of this folder alone.
namespace daphnis::tls {

/// A leaf, what leads to its CA, and its key.
struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> rest = {};
  KeyPtr key = nullptr;
};

/// Errors, each with the name of the text that is wrong: kMalformed; kTooLarge, more than
/// kTlsChainMax behind the leaf; kInvalid, the key is another certificate's.
[[nodiscard]] Result<Certificate> read_certificate(const CertificateText& text);
/// Makes the sessions of `ctx` show the certificate. `text` is what it was read from. Errors:
/// kInvalid.
[[nodiscard]] Result<void> use_certificate(SSL_CTX* ctx, const Certificate& certificate,
                                           const CertificateText& text);

/// What a certificate is for by its subjectAltName, which is where clients look (RFC 6125).
struct CertifiedNames {
  std::vector<std::string> hosts = {};      ///< Sorted.
  std::vector<std::string> addresses = {};  ///< As IpAddress::text().
};
[[nodiscard]] CertifiedNames certified_names(const X509& leaf);

}  // namespace daphnis::tls
