#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/slice.h"

namespace daphnis::tls {

/// What the first bytes of a connection say of the server that its client wants.
struct HelloLook {
  enum class Found {
    kNeedMore,  ///< They are the beginning of a ClientHello; `needed_bytes` is set.
    kName,      ///< A ClientHello that names a server: `name` is set.
    kNoName,    ///< A ClientHello that names none.
    kNoHello,  ///< No ClientHello, or a malformed one, or one that is too long: `problem` says why.
  };
  Found found = Found::kNeedMore;
  /// How many bytes a well-formed ClientHello that begins so has at least: more than were seen.
  /// Before that many have come another look is of no use.
  size_t needed_bytes = 0;
  std::string name = {};          ///< A host name in lower case, without a dot at its end.
  std::string_view problem = {};  ///< A sentence for the log.
};

/// Looks at the first bytes of a connection, all that have come so far, for the ClientHello of TLS
/// 1.0 to 1.3 (RFC 8446, 4.1.2; in any number of records, 5.1) and its server name (RFC 6066, 3).
/// Nothing is kept between two looks, so that the bytes may be left where they are. A ClientHello
/// whose records have more than kClientHelloBytesMax is none. The name is read once the whole
/// message is there, and only if it is a host name: labels of letters, digits, '-' and '_', at most
/// 253 bytes.
[[nodiscard]] HelloLook look_at_client_hello(Bytes seen);

/// A host name in the one form that it has in HelloLook; nothing where the text is none.
[[nodiscard]] std::optional<std::string> read_host_name(std::string_view text);

}  // namespace daphnis::tls
