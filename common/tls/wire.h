#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/slice.h"

namespace daphnis::tls {

/// What a Wire did with bytes.
struct Moved {
  enum class Outcome : uint8_t {
    kBytes,    ///< `bytes` bytes, at least one.
    kBlocked,  ///< None for now.
    kEnd,      ///< A read: the peer has ended its side.
    kLost,     ///< The connection is broken.
  };
  Outcome outcome = Outcome::kBlocked;
  size_t bytes = 0;
};

/// What carries the records of a Session, for the time of one call: a socket, or memory.
class Wire {
 public:
  [[nodiscard]] virtual Moved read(std::span<uint8_t> out) = 0;
  /// Takes first bytes of these. `has_more` says that more follows at once, so that a short segment
  /// need not be sent by itself.
  [[nodiscard]] virtual Moved write(Bytes bytes, bool has_more) = 0;

 protected:
  ~Wire() = default;
};

}  // namespace daphnis::tls
