#pragma once

#include "common/proof/verifier.h"

namespace daphnis {

/// Whose fault it is that a verification failed.
enum class Fault : uint8_t {
  kStream,     ///< The L2's: its stream was cut, or holds bytes that may not be there.
  kContent,    ///< The content's: proven bytes are at fault (Verifier::is_content_fault()).
  kNobody,     ///< A budget is passed by bytes that the L2 sends besides the needed ones, or by
               ///< repeats that lie too far back. Another L2 may send just what is needed.
  kElsewhere,  ///< Nobody's yet: a stream that should go on from a position begins elsewhere
               ///< (Verifier::is_elsewhere()), and nothing of it was proven.
};

/// The fault of a verifier that is kFailed. Errc::kInvalid marks kNobody: the stream may be right,
/// but not for this request.
[[nodiscard]] inline Fault fault_of(const Verifier& verifier) {
  if (verifier.is_content_fault()) return Fault::kContent;
  if (verifier.is_elsewhere()) return Fault::kElsewhere;
  return verifier.failure().code == Errc::kInvalid ? Fault::kNobody : Fault::kStream;
}

}  // namespace daphnis
