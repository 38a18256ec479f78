#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/tls/settings.h"

struct evp_pkey_st;
struct x509_st;

namespace daphnis::test {

enum class KeyKind : uint8_t { kP256, kRsa };

/// A CA that signs certificates for tests.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "a CA of tests");
  ~TestCa();

  /// The CA's own certificate (PEM).
  [[nodiscard]] std::string certificate() const;
  /// A certificate for these names and its key, good from now for `seconds`, which may be negative:
  /// then it has expired. A name may be an address ("IP:192.0.2.1"), but for the first.
  [[nodiscard]] tls::CertificateText issue(const std::vector<std::string>& names,
                                           KeyKind kind = KeyKind::kP256, long seconds = 3'600);

 private:
  evp_pkey_st* key_;
  x509_st* certificate_;
  long serial_ = 1;
};

}  // namespace daphnis::test
