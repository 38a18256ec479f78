#pragma once

#include "common/proof/verifier.h"

namespace daphnis {

/// Whose fault it is that a verification failed.
enum class Fault : uint8_t {
  kStream,   ///< The L2's: it was cut, or holds what cannot be here.
  kContent,  ///< Proven bytes' (Verifier::is_content_fault()).
  kNobody,   ///< What is needed cannot be told from what this L2 sends besides, or must be
             ///< repeated from too far back: budgets. Another L2 may send just what is needed.
};

/// Of a verifier that is kFailed. Nobody's fault is told by Errc::kInvalid: the stream may be
/// right, but not for this request.
[[nodiscard]] inline Fault fault_of(const Verifier& verifier) {
  if (verifier.is_content_fault()) return Fault::kContent;
  return verifier.failure().code == Errc::kInvalid ? Fault::kNobody : Fault::kStream;
}

}  // namespace daphnis
