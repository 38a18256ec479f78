#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/limits.h"
#include "common/proof/verifier.h"
#include "common/proof/walk_budget.h"
#include "common/request/car_request.h"
#include "worker/base/agenda.h"
#include "worker/base/files.h"
#include "worker/cache/cache.h"

namespace daphnis::worker {

/// Bytes of a file that are read and proven in one turn, a few milliseconds of work.
inline constexpr size_t kPlaceStepBytes = 1 * limits::kMiB;

/// Finds out how far a request's output has come in a file that holds its beginning, another
/// worker's spool: proves the file anew, so that an L2 can be asked for the rest. Does a piece per
/// turn and asks the agenda for its fetch's next turn. Owned by that fetch; may be destroyed at any
/// time.
class PlaceFinder {
 public:
  enum class State : uint8_t {
    kSeeking,
    kFound,    ///< place() says where the last whole block of the file's bytes ends.
    kWhole,    ///< The bytes are all of the output.
    kUnknown,  ///< The file could not be read, or its bytes are not the output's beginning.
  };

  /// Reads the first `bytes` bytes of `file`, at least 1. `fetch` is called for each turn.
  PlaceFinder(FileRef file, uint64_t bytes, const CarRequest& request, const WalkBudget& budget,
              Cache& cache, Agenda& agenda, FetchId fetch);
  ~PlaceFinder() { cache_.forget(read_); }
  PlaceFinder(const PlaceFinder&) = delete;
  PlaceFinder& operator=(const PlaceFinder&) = delete;

  /// Reads and proves the next piece, within the call where the system holds it in memory. A turn
  /// that comes too early, or while a piece is being read, changes nothing.
  void step(uint64_t now_ms);
  [[nodiscard]] State state() const { return state_; }
  /// Valid for kFound, once. Its output_bytes() are at least 1, and at most `bytes`, which may end
  /// in the middle of a block.
  [[nodiscard]] ProofPosition take_place() { return std::move(*place_); }

 private:
  void on_read(CacheRead read, uint64_t now_ms);
  [[nodiscard]] State state_after(Verifier::State proof);

  CachedFile file_;
  uint64_t bytes_;
  Verifier verifier_;
  Cache& cache_;
  Agenda& agenda_;
  FetchId fetch_;
  uint64_t at_ = 0;       ///< Bytes that were read.
  uint64_t next_ms_ = 0;  ///< The time of the next turn.
  CacheWaiterId read_{};  ///< The waiter of the piece that is being read.
  Slices proven_;         ///< Dropped; a member only so that its memory is used again.
  State state_ = State::kSeeking;
  std::optional<ProofPosition> place_;
};

}  // namespace daphnis::worker
