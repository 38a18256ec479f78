#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

/// Owners of OpenSSL's objects; for the sources of this folder alone.
namespace daphnis::tls {

template <auto kFree>
struct FreedBy {
  void operator()(auto* object) const { kFree(object); }
};
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, FreedBy<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;

/// A BIO that reads `text`, which must outlive it.
[[nodiscard]] BioPtr reader_of(std::string_view text);
/// OpenSSL's word for the newest of its errors, all of which are forgotten; `otherwise` where there
/// is none.
[[nodiscard]] std::string take_error(std::string_view otherwise);

}  // namespace daphnis::tls
