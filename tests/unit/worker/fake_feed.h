#pragma once

#include <algorithm>
#include <cstdint>

#include "worker/base/agenda.h"
#include "worker/proof/proof.h"

namespace daphnis::worker::test {

/// A transport without one: it notes what a proof tells it.
class FakeFeed final : public ProofFeed {
 public:
  void on_flow_changed() override { ++flow_changes; }
  void call_proof_at(uint64_t at_ms) override { next_call_ms = std::min(next_call_ms, at_ms); }
  void on_outcome(uint64_t) override { ++outcomes; }

  int flow_changes = 0;
  int outcomes = 0;
  uint64_t next_call_ms = kNever;
};

}  // namespace daphnis::worker::test
