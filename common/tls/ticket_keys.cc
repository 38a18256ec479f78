#include "common/tls/ticket_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "common/base/limits.h"

namespace daphnis::tls {

Result<TicketKeys> TicketKeys::parse(Bytes file) {
  static_assert(sizeof(Key) == kTicketKeyBytes);
  const size_t count = file.size() / kTicketKeyBytes;
  if (count == 0 || count * kTicketKeyBytes != file.size() || count > limits::kTicketKeysMax) {
    return fail(
        Errc::kMalformed,
        fmt::format("{} bytes are no keys of {} bytes each, 1 to {} of them (openssl rand {})",
                    file.size(), kTicketKeyBytes, limits::kTicketKeysMax, kTicketKeyBytes));
  }
  TicketKeys keys;
  keys.keys_.resize(count);
  std::memcpy(keys.keys_.data(), file.data(), file.size());
  return keys;
}

const TicketKeys::Key* TicketKeys::find(std::span<const uint8_t, 16> name) const {
  const auto found = std::ranges::find_if(
      keys_, [&](const Key& key) { return std::ranges::equal(key.name, name); });
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace daphnis::tls
