#include "common/proof/producer.h"

#include <utility>

namespace daphnis {

Producer::Producer(const CarRequest& request, const WalkBudget& budget, OnRefusal on_refusal,
                   Skip skip)
    : walk_(request, budget),
      output_(request, budget.output_bytes_max),
      on_refusal_(on_refusal),
      skip_(std::move(skip)),
      is_skipping_(skip_.blocks > 0 || skip_.next) {}

Producer::State Producer::produce(BlockSource& source, size_t bytes_wanted, Slices& out) {
  CarOutput::Sink sink(out);
  if (state_ == State::kWaiting) state_ = State::kMore;
  const uint64_t before = output_.bytes();
  while (state_ == State::kMore && is_skipping_) state_ = skip_next(source);
  while (state_ == State::kMore) {
    if (walk_.state() != Walk::State::kWantsBlock) return conclude(sink);
    if (output_.bytes() - before >= bytes_wanted) return state_;
    state_ = put_next(source, sink);
  }
  return state_;
}

/// Leaves out one block, or ends the skip where all of them are left out.
Producer::State Producer::skip_next(BlockSource& source) {
  const bool is_over = walk_.state() != Walk::State::kWantsBlock;
  if (is_over || walk_.visits() == skip_.blocks) {
    is_skipping_ = false;
    if (!is_over && (!skip_.next || walk_.next().names_same_block(*skip_.next))) return state_;
    return fail_with({Errc::kNotFound, 0, "the walk goes on otherwise behind the skipped blocks"});
  }
  block_.clear();
  if (walk_.next().codec() != codec::kRaw) {
    if (const State state = read(source); state != State::kMore) return state;
  }
  (void)walk_.on_block(block_);
  block_.clear();
  return state_;
}

Producer::State Producer::read(BlockSource& source) {
  switch (source.read(walk_.next(), block_)) {
    case BlockSource::Read::kOk:
      return State::kMore;
    case BlockSource::Read::kLater:
      return State::kWaiting;
    case BlockSource::Read::kMissing:
      break;
  }
  is_missing_block_ = true;
  const Errc code = output_.bytes() == 0 ? Errc::kNotFound : Errc::kTruncated;
  return fail_with({code, 0, "block " + walk_.next().text() + " is not held"});
}

Producer::State Producer::put_next(BlockSource& source, CarOutput::Sink& sink) {
  block_.clear();
  if (const State state = read(source); state != State::kMore) return state;
  if (!output_.fits(total_size(block_))) {
    return fail_with({Errc::kTooLarge, 0, "the answer is beyond the budget of one request"});
  }
  const CarOutput::Head head(walk_.next(), total_size(block_));
  (void)walk_.on_block(block_);
  if (std::optional<Error> error = refusal()) return fail_with(std::move(*error));
  output_.put(head, block_, {}, sink);
  block_.clear();
  return State::kMore;
}

Producer::State Producer::conclude(CarOutput::Sink& sink) {
  if (std::optional<Error> error = refusal()) return fail_with(std::move(*error));
  output_.finish(sink);
  return state_ = State::kComplete;
}

std::optional<Error> Producer::refusal() const {
  if (on_refusal_ == OnRefusal::kProves) return std::nullopt;
  if (walk_.state() == Walk::State::kFailed) return walk_.failure();
  const bool is_over = walk_.state() == Walk::State::kDone;
  return is_over && output_.bytes() == 0 ? refusal_before_output(walk_) : std::nullopt;
}

Producer::State Producer::fail_with(Error error) {
  failure_ = std::move(error);
  return state_ = State::kFailed;
}

}  // namespace daphnis
