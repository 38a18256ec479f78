#include "tests/fakes/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/check.h"

namespace daphnis::test {
namespace {

constexpr long kDayS = 24L * 60 * 60;

std::string text_of(BIO* bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return text_of(bio);
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio);
}

EVP_PKEY* new_key(KeyKind kind) {
  EVP_PKEY* key = kind == KeyKind::kP256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
  check(key != nullptr, "no key was made");
  return key;
}

/// A certificate without a signature.
X509* new_certificate(EVP_PKEY* key, const std::string& name, long serial, long seconds) {
  X509* made = X509_new();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
  X509_gmtime_adj(X509_getm_notBefore(made), -kDayS);
  X509_gmtime_adj(X509_getm_notAfter(made), seconds);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const uint8_t*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(made, key);
  return made;
}

void add_extension(X509* to, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  check(extension != nullptr, "a certificate's extension is malformed");
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCa::TestCa(const std::string& name)
    : key_(new_key(KeyKind::kP256)), certificate_(new_certificate(key_, name, 0, kDayS)) {
  add_extension(certificate_, NID_basic_constraints, "critical,CA:TRUE");
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  X509_sign(certificate_, key_, EVP_sha256());
}

TestCa::~TestCa() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string TestCa::certificate() const {
  return pem_of(certificate_);
}

tls::CertificateText TestCa::issue(const std::vector<std::string>& names, KeyKind kind,
                                   long seconds) {
  EVP_PKEY* key = new_key(kind);
  X509* made = new_certificate(key, names.front(), serial_++, seconds);
  std::string all;
  for (const std::string& name : names) {
    if (!all.empty()) all += ',';
    all += (name.starts_with("IP:") ? "" : "DNS:") + name;
  }
  add_extension(made, NID_subject_alt_name, all);
  X509_set_issuer_name(made, X509_get_subject_name(certificate_));
  X509_sign(made, key_, EVP_sha256());
  tls::CertificateText text{.chain = pem_of(made),
                            .key = pem_of(key),
                            .chain_name = names.front() + ".pem",
                            .key_name = names.front() + ".key"};
  X509_free(made);
  EVP_PKEY_free(key);
  return text;
}

}  // namespace daphnis::test
