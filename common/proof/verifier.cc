#include "common/proof/verifier.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "common/proof/block_links.h"
#include "common/proof/verifier_impl.h"

namespace daphnis {
namespace {

CarRequest whole_dag_of(const CarRequest& request) {
  CarRequest whole;
  whole.root = request.root;
  return whole;
}

}  // namespace

Verifier::Impl::Repeats Verifier::Impl::repeats_of(const CarRequest& request, StreamShape shape) {
  if (!request.dups || request.scope == DagScope::kBlock) return Repeats::kNone;
  return shape == StreamShape::kWholeDag ? Repeats::kEager : Repeats::kLazy;
}

Verifier::Impl::Impl(const CarRequest& request, StreamShape shape, const WalkBudget& budget)
    : walk(request, budget),
      sha1(budget.sha1),
      output(request, budget.output_bytes_max),
      repeats(repeats_of(request, shape)),
      kept(budget.repeat_bytes_max, budget.seen_bytes_max),
      passed_over_left(budget.repeat_bytes_max) {
  if (shape == StreamShape::kWholeDag && !asks_for_whole_dag(request)) {
    stream_walk.emplace(whole_dag_of(request), budget, Walk::Unreadable::kPassedOver);
    // What the output does not need may be larger than what is held: it is passed over.
    reader = CarReader(CarReader::Roots::kIgnored,
                       std::max(budget.repeat_bytes_max, limits::kBlockBytesMax));
  }
  needs_no_stream = walk.state() == Walk::State::kDone;
}

Verifier::Impl::Impl(ProofPosition::Parts from, const CarRequest& request, const WalkBudget& budget)
    : walk(std::move(from.walk)),
      sha1(budget.sha1),
      output(std::move(from.output)),
      repeats(repeats_of(request, StreamShape::kExact)),
      kept(budget.repeat_bytes_max, budget.seen_bytes_max),
      passed_over_left(0),
      seeks_place(true) {
  if (from.kept) kept = std::move(*from.kept);
}

bool Verifier::Impl::has_position() const {
  return output.bytes() > 0 && walk.state() == Walk::State::kWantsBlock && !content_fault;
}

Verifier::State Verifier::Impl::run(Slices& out) {
  CarOutput::Sink sink(out);
  slices_left = limits::kRepeatSlicesPerCall;
  paused = false;
  while (state == State::kMore && step(sink) == Go::kOn) {
  }
  if (state == State::kMore) return state;
  for (const Slice& input : inputs) {
    count_rest(input.bytes().subspan(input_at));
    input_at = 0;
  }
  inputs.clear();
  held.clear();
  if (!has_position() || repeats == Repeats::kNone) kept.clear();
  section_head = {};
  return state;
}

Verifier::Impl::Go Verifier::Impl::step(CarOutput::Sink& sink) {
  if (walk.state() != Walk::State::kWantsBlock) {
    conclude(sink);
    return Go::kStop;
  }
  if (section_ended) {
    section_ended = false;
    section_starts_here = true;
    section_at = input_at;
    const Section was = std::exchange(section, Section::kNone);
    if (was == Section::kBlock) on_block_end(sink);
    return Go::kOn;
  }
  if (may_repeat && (repeats == Repeats::kEager || stream_walk)) {
    if (const auto block = kept.find(walk.next())) return put_repeat(*block, sink);
    if (kept.knows(walk.next())) return fail_far_repeat();
    may_repeat = false;
  }
  if (section == Section::kUnjudged) return judge_section(sink);
  if (!inputs.empty()) return read(sink);
  if (ended) return at_end(sink);
  return Go::kStop;
}

Verifier::Impl::Go Verifier::Impl::put_repeat(std::span<const Slice> block, CarOutput::Sink& sink) {
  if (slices_left == 0) {
    paused = true;
    return Go::kStop;
  }
  slices_left -= std::min(slices_left, block.size() + 1);
  put_block(block, {}, sink);
  return Go::kOn;
}

/// Counts bytes after the last section that was needed. Zero bytes right behind that section are
/// padding, as Filecoin's tools write it, and no surplus, up to kDrainBytesMax of them: no stream
/// is read further than that after its end.
void Verifier::Impl::count_rest(Bytes bytes) {
  if (state == State::kFailed || needs_no_stream) return;
  if (surplus_bytes == 0) {
    const Bytes may_be_padding = bytes.first(std::min(bytes.size(), padding_left));
    const auto odd = std::ranges::find_if(may_be_padding, [](uint8_t byte) { return byte != 0; });
    const auto zeros = static_cast<size_t>(odd - may_be_padding.begin());
    padding_left -= zeros;
    bytes = bytes.subspan(zeros);
  }
  surplus_bytes += bytes.size();
}

void Verifier::Impl::put_block(std::span<const Slice> block, const Slice& head,
                               CarOutput::Sink& sink) {
  may_repeat = true;
  const size_t size = total_size(block);
  if (!output.fits(size)) {
    return fail_content({Errc::kTooLarge, 0, "the answer is beyond the budget of one request"});
  }
  const CarOutput::Head own_head(walk.next(), size);
  std::optional<CidKey> key;
  if (repeats != Repeats::kNone) key.emplace(walk.next());
  const uint64_t codec = walk.next().codec();
  const Walk::State after = walk.on_block(block);
  if (after == Walk::State::kFailed) return fail_content(walk.failure());
  if (after == Walk::State::kDone && output.bytes() == 0) {
    if (std::optional<Error> refusal = refusal_before_output(walk)) {
      return fail_content(std::move(*refusal));
    }
  }
  const bool is_named = after == Walk::State::kDone && walk.outcome() == Walk::Outcome::kFound;
  if (is_named && walk.is_for_one_block()) links = keys_of_links(codec, block);
  output.put(own_head, block, head, sink);
  if (after == Walk::State::kWantsBlock && key) keep(*key, block);
}

void Verifier::Impl::keep(const CidKey& key, std::span<const Slice> block) {
  if (kept.add(key, block)) return;
  kept.clear();  // A stream that holds its repeats can still be proven without kept blocks.
  if (repeats != Repeats::kLazy) {
    (void)fail_nobody("memory of proven blocks beyond the budget of one request");
  }
}

Verifier::Impl::Go Verifier::Impl::at_end(CarOutput::Sink& sink) {
  if (section != Section::kNone || !reader.may_end_here()) {
    return fail_stream(Errc::kTruncated, "the stream ends inside a section or its header");
  }
  if (const auto go = put_lazy_repeat(sink)) return *go;
  return fail_stream(Errc::kTruncated, "the stream ends before block " + walk.next().text());
}

void Verifier::Impl::conclude(CarOutput::Sink& sink) {
  if (walk.state() == Walk::State::kFailed) return fail_content(walk.failure());
  if (output.bytes() == 0) {
    if (std::optional<Error> refusal = refusal_before_output(walk)) {
      return fail_content(std::move(*refusal));
    }
  }
  output.finish(sink);
  state = State::kComplete;
}

Verifier::Impl::Go Verifier::Impl::fail_stream(Errc code, std::string_view what) {
  state = State::kFailed;
  failure = Error{code, 0, std::string(what)};
  return Go::kStop;
}

Verifier::Impl::Go Verifier::Impl::fail_nobody(std::string_view what) {
  return fail_stream(Errc::kInvalid, what);  // See fault_of().
}

Verifier::Impl::Go Verifier::Impl::fail_far_repeat() {
  return fail_nobody("a repeat lies too far back to be kept in memory");
}

void Verifier::Impl::fail_content(Error error) {
  state = State::kFailed;
  failure = std::move(error);
  content_fault = true;
}

Verifier::Verifier(const CarRequest& request, StreamShape shape, const WalkBudget& budget)
    : impl_(std::make_unique<Impl>(request, shape, budget)) {}
Verifier::Verifier(ProofPosition from, const CarRequest& request, const WalkBudget& budget)
    : impl_(std::make_unique<Impl>(std::move(*from.parts_), request, budget)) {}
Verifier::~Verifier() = default;
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;

Verifier::State Verifier::on_bytes(const Slice& input, Slices& out) {
  if (impl_->state != State::kMore) {
    impl_->count_rest(input.bytes());
    return impl_->state;
  }
  check(!impl_->ended, "bytes came after the end of the stream");
  impl_->inputs.push_back(input.buffer ? input : Slice::copy_of(input.bytes()));
  return impl_->run(out);
}

Verifier::State Verifier::on_end(Slices& out) {
  impl_->ended = true;
  return resume(out);
}

Verifier::State Verifier::resume(Slices& out) {
  return impl_->state == State::kMore ? impl_->run(out) : impl_->state;
}

bool Verifier::has_more_output() const {
  return impl_->paused;
}
Verifier::State Verifier::state() const {
  return impl_->state;
}
const Error& Verifier::failure() const {
  return impl_->failure;
}
bool Verifier::is_content_fault() const {
  return impl_->content_fault;
}
const std::optional<Denial>& Verifier::denial() const {
  return impl_->walk.denial();
}
std::optional<size_t> Verifier::missing_after() const {
  const Walk& walk = impl_->walk;
  const bool is_missing =
      walk.state() == Walk::State::kDone && walk.outcome() == Walk::Outcome::kMissing;
  return is_missing ? std::optional(walk.segments_found()) : std::nullopt;
}
bool Verifier::is_elsewhere() const {
  return impl_->state == State::kFailed && impl_->seeks_place &&
         impl_->failure.code == Errc::kUnexpected;
}
std::optional<ProofPosition> Verifier::position() const {
  if (!impl_->has_position()) return std::nullopt;
  ProofPosition::Parts parts{impl_->walk, impl_->output, {}};
  if (impl_->repeats != Impl::Repeats::kNone) parts.kept = impl_->kept;
  return ProofPosition(std::move(parts));
}
std::vector<uint64_t> Verifier::take_links() {
  return std::exchange(impl_->links, {});
}

uint64_t Verifier::blocks_proven() const {
  return impl_->blocks_proven;
}
uint64_t Verifier::output_bytes() const {
  return impl_->output.bytes();
}
uint64_t Verifier::surplus_bytes() const {
  return impl_->surplus_bytes;
}

}  // namespace daphnis
