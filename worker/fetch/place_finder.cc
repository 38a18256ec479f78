#include "worker/fetch/place_finder.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {

PlaceFinder::PlaceFinder(FileRef file, uint64_t bytes, const CarRequest& request,
                         const WalkBudget& budget, Cache& cache, Agenda& agenda, FetchId fetch)
    : file_{.file = std::move(file)},
      bytes_(bytes),
      verifier_(request, StreamShape::kExact, budget),
      cache_(cache),
      agenda_(agenda),
      fetch_(fetch) {}

void PlaceFinder::step(uint64_t now_ms) {
  if (state_ != State::kSeeking || !is_none(read_) || now_ms < next_ms_) return;
  const auto size = static_cast<size_t>(std::min<uint64_t>(bytes_ - at_, kPlaceStepBytes));
  const auto on_done = [this](CacheRead read, uint64_t at_ms) { on_read(std::move(read), at_ms); };
  read_ = cache_.read(file_, at_, size, on_done, now_ms);
}

void PlaceFinder::on_read(CacheRead read, uint64_t now_ms) {
  read_ = {};
  if (read.outcome == CacheRead::Outcome::kDone) {
    at_ += read.bytes.size;
    state_ = state_after(verifier_.on_bytes(read.bytes, proven_));
    proven_.clear();
  } else {
    state_ = State::kUnknown;
  }
  // A turn of its own for each piece lets the loop serve others in between.
  next_ms_ = now_ms + 1;
  agenda_.call_at(fetch_, next_ms_);
}

PlaceFinder::State PlaceFinder::state_after(Verifier::State proof) {
  if (proof == Verifier::State::kFailed) return State::kUnknown;
  if (proof == Verifier::State::kComplete) {
    const bool is_all = at_ == bytes_ && verifier_.output_bytes() == bytes_;
    return is_all ? State::kWhole : State::kUnknown;
  }
  if (at_ < bytes_) return State::kSeeking;
  place_ = verifier_.position();
  if (place_ && place_->output_bytes() > bytes_) place_.reset();
  return place_ ? State::kFound : State::kUnknown;
}

}  // namespace daphnis::worker
