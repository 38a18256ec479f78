#include "common/tls/verdict.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "common/tls/certificate.h"

namespace daphnis::tls {
namespace {

/// Names of a certificate in one text.
constexpr size_t kNamesShownMax = 8;

/// "a.test, b.test and 3 more".
std::string names_in(const X509& leaf) {
  auto [names, addresses] = certified_names(leaf);
  std::ranges::move(addresses, std::back_inserter(names));
  if (names.empty()) return "no name at all";
  std::string text;
  const size_t shown = std::min(names.size(), kNamesShownMax);
  for (size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (shown < names.size()) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

/// The name of who has signed the certificate.
std::string issuer_of(const X509& certificate) {
  const X509_NAME* name = X509_get_issuer_name(&certificate);
  std::array<char, 128> text{};
  for (const int field : {NID_commonName, NID_organizationName}) {
    if (X509_NAME_get_text_by_NID(name, field, text.data(), text.size()) > 0) return text.data();
  }
  return "nobody";
}

/// A time of a certificate, such as "2026-11-28 01:59:39Z".
std::string text_of(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable time";
  return {text.data(), std::strftime(text.data(), text.size(), "%F %TZ", &parts)};
}

/// What is meant by the peer's alert, a number of RFC 8446, section 6.
Fault fault_of_alert(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
      return Fault::kCertificateWanted;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
      return Fault::kCertificateRefused;
    default:
      return Fault::kOther;
  }
}

}  // namespace

Verdict certificate_verdict(X509_STORE_CTX* found, const std::string& host) {
  const int error = X509_STORE_CTX_get_error(found);
  const X509* current = X509_STORE_CTX_get_current_cert(found);
  const X509* leaf = X509_STORE_CTX_get0_cert(found);
  // The leaf is what an operator knows as the certificate.
  const std::string which = current == leaf ? "the certificate" : "a CA's certificate";
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {Fault::kNotTrusted, "the certificate is signed by itself and not by a CA"};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return {Fault::kNotTrusted,
              which + " is signed by \"" + issuer_of(*current) + "\", which is not trusted here"};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {Fault::kWrongName,
              "the certificate is for " + names_in(*leaf) + ", and not for " + host};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {Fault::kOutOfDate, which + " has expired on " + text_of(X509_get0_notAfter(current))};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {Fault::kOutOfDate,
              which + " is not good before " + text_of(X509_get0_notBefore(current))};
    default:
      return {Fault::kOther, which + " is not good: " + X509_verify_cert_error_string(error)};
  }
}

Verdict take_verdict(const SSL* ssl, const std::string& otherwise) {
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const std::string words = take_error(otherwise);
  // OpenSSL numbers the peer's alerts from there on.
  if (const int alert = reason - SSL_AD_REASON_OFFSET; alert >= 0) {
    // OpenSSL 3.0 has no words for this one.
    const bool is_wanted = alert == SSL_AD_CERTIFICATE_REQUIRED;
    return {fault_of_alert(alert),
            std::string("the peer refused: ") +
                (is_wanted ? "certificate required" : SSL_alert_desc_string_long(alert))};
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER && SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO) {
    return {Fault::kNotTls, "the peer does not speak TLS"};
  }
  return {Fault::kOther, words};
}

}  // namespace daphnis::tls
