#pragma once

#include <cstdint>

namespace daphnis::worker {

/// Why a source of bytes is not read at the moment. Each has its own cause and its own end: whoever
/// resumes clears only its reason, and the source is read again when none is left.
enum class Pause : uint8_t {
  kClientSlow = 1,  ///< The client's output queue is above its high watermark.
};

class PauseReasons {
 public:
  void add(Pause reason) { bits_ |= static_cast<uint8_t>(reason); }
  void clear(Pause reason) { bits_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason)); }
  [[nodiscard]] bool any() const { return bits_ != 0; }

 private:
  uint8_t bits_ = 0;
};

}  // namespace daphnis::worker
