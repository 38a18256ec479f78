#pragma once

// Included by proof_position.cc and verifier_impl.h alone.

#include <optional>

#include "common/proof/car_output.h"
#include "common/proof/kept_blocks.h"
#include "common/proof/proof_position.h"
#include "common/proof/walk.h"

namespace daphnis {

/// See ProofPosition.
struct ProofPosition::Parts {
  Walk walk;
  CarOutput output;
  std::optional<KeptBlocks> kept;  ///< nullopt where the output has no repeats.
};

}  // namespace daphnis
