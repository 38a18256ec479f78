#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"

namespace daphnis::tls {

/// The keys of session tickets (RFC 5077, section 4): the first makes tickets, all open them, so
/// that one can take another's place in time. Whoever has the same keys resumes the same sessions:
/// all workers, also after a restart. A value type.
class TicketKeys {
 public:
  struct Key {
    std::array<uint8_t, 16> name;
    std::array<uint8_t, 32> aes;
    std::array<uint8_t, 32> hmac;
  };

  /// Reads a file of keys: kTicketKeyBytes random bytes each, one behind the other, 1 to
  /// kTicketKeysMax of them, as nginx takes them. Errors: kMalformed.
  [[nodiscard]] static Result<TicketKeys> parse(Bytes file);

  /// True where there are none: each process then makes its own.
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  /// The key that makes tickets. There must be one.
  [[nodiscard]] const Key& first() const { return keys_.front(); }
  /// The key of this name; null: none of these.
  [[nodiscard]] const Key* find(std::span<const uint8_t, 16> name) const;

  static constexpr size_t kTicketKeyBytes = 80;

 private:
  std::vector<Key> keys_;
};

}  // namespace daphnis::tls
