#pragma once

#include <cstdint>

namespace daphnis::worker {

/// Why an L2's stream is not read at the moment. Each reason has its own cause and end: a caller
/// that resumes clears its own reason only, and the stream is read again when no reason is left.
enum class Pause : uint8_t {
  kClientSlow = 1,  ///< A fetch may hold no more output: its spool or its slowest reader is behind.
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
