#include "common/proof/proof_position.h"

#include <utility>

#include "common/proof/proof_position_parts.h"

namespace daphnis {

ProofPosition::ProofPosition(Parts parts) : parts_(std::make_unique<Parts>(std::move(parts))) {}
ProofPosition::~ProofPosition() = default;
ProofPosition::ProofPosition(const ProofPosition& other) : ProofPosition(*other.parts_) {}
ProofPosition& ProofPosition::operator=(const ProofPosition& other) {
  return *this = ProofPosition(other);
}
ProofPosition::ProofPosition(ProofPosition&&) noexcept = default;
ProofPosition& ProofPosition::operator=(ProofPosition&&) noexcept = default;

uint64_t ProofPosition::visits() const {
  return parts_->walk.visits();
}

const Cid& ProofPosition::next() const {
  return parts_->walk.next();
}

uint64_t ProofPosition::output_bytes() const {
  return parts_->output.bytes();
}

}  // namespace daphnis
