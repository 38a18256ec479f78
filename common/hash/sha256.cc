// OpenSSL marks these functions deprecated since 3.0, but they are all of libcrypto 3.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "common/hash/sha256.h"

#include <openssl/sha.h>

namespace daphnis {

std::array<uint8_t, 32> sha256(Bytes bytes) {
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, bytes.data(), bytes.size());
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), &state);
  return digest;
}

}  // namespace daphnis
