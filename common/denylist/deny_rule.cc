#include "common/denylist/deny_rule.h"

#include <cstring>

#include "common/base/check.h"
#include "common/hash/sha256.h"

namespace daphnis {

DenyKey DenyKey::of(Bytes digest) {
  DenyKey key;
  check(digest.size() >= sizeof key.high + sizeof key.low, "a digest is too short for a key");
  std::memcpy(&key.high, digest.data(), sizeof key.high);
  std::memcpy(&key.low, digest.data() + sizeof key.high, sizeof key.low);
  return key;
}

DenyKey DenyKey::of_text(std::string_view text) {
  return of(sha256(as_bytes(text)));
}

}  // namespace daphnis
