#pragma once

#include "common/tls/wire.h"

namespace daphnis::uv {

/// A connected, non-blocking socket as the wire of a session, for the time of a call.
class FdWire final : public tls::Wire {
 public:
  explicit FdWire(int fd) : fd_(fd) {}

  [[nodiscard]] tls::Moved read(std::span<uint8_t> out) override;
  [[nodiscard]] tls::Moved write(Bytes bytes, bool has_more) override;

 private:
  int fd_;
};

}  // namespace daphnis::uv
