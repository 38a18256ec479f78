#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "common/tls/wire.h"

namespace daphnis::uv {

/// Records in memory: those that were read, and those to be written. Takes all that is written.
class MemoryWire final : public tls::Wire {
 public:
  /// `in` must outlive the wire.
  explicit MemoryWire(Bytes in = {}) : in_(in) {}

  [[nodiscard]] tls::Moved read(std::span<uint8_t> out) override {
    if (in_.empty()) return {};
    const size_t size = std::min(out.size(), in_.size());
    std::copy_n(in_.begin(), size, out.begin());
    in_ = in_.subspan(size);
    return {.outcome = tls::Moved::Outcome::kBytes, .bytes = size};
  }
  [[nodiscard]] tls::Moved write(Bytes bytes, bool) override {
    out_.append(as_text(bytes));
    return {.outcome = tls::Moved::Outcome::kBytes, .bytes = bytes.size()};
  }
  [[nodiscard]] std::string take_out() { return std::exchange(out_, {}); }

 private:
  Bytes in_;
  std::string out_;
};

}  // namespace daphnis::uv
