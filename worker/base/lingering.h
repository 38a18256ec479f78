#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/limits.h"

namespace daphnis::worker {

/// The input that is still read, and thrown away, after an early response: at most `bytes_max`
/// bytes within kLingerMs. A close with unread input would make the kernel send a reset, which can
/// destroy the response on its way; so the response goes out first, then our side ends, then this
/// input is read, then the socket is closed (DESIGN 4a).
class Lingering {
 public:
  explicit Lingering(uint64_t now_ms, size_t bytes_max = limits::kLingerBytesMax)
      : deadline_ms_(now_ms + limits::kLingerMs), left_(bytes_max) {}

  /// `size` bytes of input were thrown away.
  void on_bytes(size_t size) { left_ -= std::min(left_, size); }
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  [[nodiscard]] bool is_over(uint64_t now_ms) const { return left_ == 0 || now_ms >= deadline_ms_; }

 private:
  uint64_t deadline_ms_;
  size_t left_;
};

}  // namespace daphnis::worker
