#include "common/tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/ip_address.h"
#include "common/base/limits.h"
#include "common/base/slice.h"

namespace daphnis::tls {
namespace {

/// No terminal is asked for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

Bytes bytes_of(const ASN1_STRING& string) {
  return {ASN1_STRING_get0_data(&string), static_cast<size_t>(ASN1_STRING_length(&string))};
}

/// An address as certificates have it (RFC 5280, section 4.2.1.6); nothing where it is malformed.
std::optional<IpAddress> address_of(Bytes bytes) {
  if (bytes.size() == 4) return IpAddress(IpAddress::V4(bytes));
  IpAddress::V6 v6;
  if (bytes.size() != v6.size()) return std::nullopt;
  std::ranges::copy(bytes, v6.begin());
  return IpAddress(v6);
}

}  // namespace

Result<Certificate> read_certificate(const CertificateText& text) {
  const BioPtr chain = reader_of(text.chain);
  Certificate certificate{X509Ptr(PEM_read_bio_X509_AUX(chain.get(), nullptr, nullptr, nullptr))};
  if (!certificate.leaf) {
    return fail(Errc::kMalformed,
                text.chain_name + " holds no certificate (PEM): " + take_error("it is empty"));
  }
  while (X509Ptr next{PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)}) {
    if (certificate.rest.size() == limits::kTlsChainMax) {
      return fail(Errc::kTooLarge, text.chain_name + " holds too many certificates");
    }
    certificate.rest.push_back(std::move(next));
  }
  ERR_clear_error();  // The end of the file counts as an error, too.
  const BioPtr key = reader_of(text.key);
  certificate.key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, no_passphrase, nullptr));
  if (!certificate.key) {
    return fail(Errc::kMalformed, text.key_name + " holds no private key without a passphrase " +
                                      "(PEM): " + take_error("it is empty"));
  }
  if (X509_check_private_key(certificate.leaf.get(), certificate.key.get()) != 1) {
    ERR_clear_error();
    return fail(Errc::kInvalid,
                text.key_name + " is not the key of the certificate in " + text.chain_name);
  }
  return certificate;
}

Result<void> use_certificate(SSL_CTX* ctx, const Certificate& certificate,
                             const CertificateText& text) {
  if (SSL_CTX_use_certificate(ctx, certificate.leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(ctx, certificate.key.get()) != 1) {
    return fail(Errc::kInvalid, text.chain_name + " cannot be used: " + take_error("unknown"));
  }
  for (const X509Ptr& next : certificate.rest) SSL_CTX_add1_chain_cert(ctx, next.get());
  return {};
}

CertifiedNames certified_names(const X509& leaf) {
  CertifiedNames names;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type == GEN_DNS) {
      names.hosts.emplace_back(as_text(bytes_of(*name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      if (const auto address = address_of(bytes_of(*name->d.iPAddress))) {
        names.addresses.push_back(address->text());
      }
    }
  }
  GENERAL_NAMES_free(all);
  std::ranges::sort(names.hosts);
  return names;
}

}  // namespace daphnis::tls
