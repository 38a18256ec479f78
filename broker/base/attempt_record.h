#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/uuid.h"
#include "common/ipld/cid.h"
#include "common/request/outcome.h"

namespace daphnis::broker {

/// What is written down of one attempt that has ended (docs/stats.md). Begun with the order, and
/// only where Settings::records_attempts.
struct AttemptRecord {
  std::string l2_id = {};
  Cid root;
  Uuid attempt_id{};
  std::string trace_id = {};
  std::optional<uint32_t> worker = {};  ///< Its --index.
  uint32_t number = 0;                  ///< Counts the orders of its fetch, from 1 on.
  uint64_t skip = 0;                    ///< Blocks that the order left out; 0: none.
  /// CAR bytes that came, and bytes of output that this attempt brought first. Nobody knows them
  /// where the worker went before it reported.
  std::optional<uint64_t> received_bytes = 0;
  std::optional<uint64_t> used_bytes = 0;
  std::optional<uint64_t> first_byte_ms = {};  ///< From the order to the head of its POST.
  uint64_t duration_ms = 0;                    ///< From the order to the end.
  Outcome outcome = Outcome::kComplete;
};

}  // namespace daphnis::broker
