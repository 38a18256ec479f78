#include "common/core/verifier.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "common/core/car.h"
#include "common/core/car_output.h"
#include "common/core/check.h"
#include "common/core/hashes.h"
#include "common/core/held_block.h"
#include "common/core/kept_blocks.h"
#include "common/core/walk.h"

namespace daphnis {
namespace {

/// What becomes of repeats that a dups=y answer needs.
enum class Repeats : uint8_t {
  kNone,   ///< dups=n.
  kLazy,   ///< They may come: put out from memory only once the stream shows that one was omitted.
  kEager,  ///< They never come: put out at once.
};

bool asks_for_whole_dag(const CarRequest& request) {
  return request.format == AnswerFormat::kCar && request.path.empty() &&
         request.scope == DagScope::kAll;
}

Repeats repeats_of(const CarRequest& request, StreamShape shape) {
  if (!request.dups || request.scope == DagScope::kBlock) return Repeats::kNone;
  return shape == StreamShape::kWholeDag ? Repeats::kEager : Repeats::kLazy;
}

CarRequest whole_dag_of(const CarRequest& request) {
  CarRequest whole;
  whole.root = request.root;
  return whole;
}

}  // namespace

/// One verification. The walk says what the answer needs next. Where an L2 sends the whole DAG for
/// a narrower request, a second walk says what the stream holds next, and blocks that come before
/// the answer needs them are kept.
struct Verifier::Impl {
  Impl(const CarRequest& request, StreamShape shape, const WalkBudget& budget)
      : walk(request, budget),
        output(request, budget.output_bytes_max),
        repeats(repeats_of(request, shape)),
        kept(budget.repeat_bytes_max, budget.seen_bytes_max) {
    if (shape == StreamShape::kWholeDag && !asks_for_whole_dag(request)) {
      stream_walk.emplace(whole_dag_of(request), budget);
    }
    needs_no_stream = walk.state() == Walk::State::kDone;
  }

  enum class Section : uint8_t {
    kNone,      ///< Between sections.
    kUnjudged,  ///< Its head was read; whether it may come here is not yet known.
    kBlock,     ///< Its body is read, hashed and held.
    kIdentity,  ///< Its body is compared with its CID, then dropped.
  };
  enum class Go : bool { kOn, kStop };

  State run(Slices& out);
  Go step(CarOutput::Sink& sink);
  Go put_repeat(std::span<const Slice> block, CarOutput::Sink& sink);
  Go judge_section(CarOutput::Sink& sink);
  Go read();
  Go at_end(CarOutput::Sink& sink);
  void on_body(Bytes body, size_t offset);
  void on_block_end(CarOutput::Sink& sink);
  void deliver(std::span<const Slice> block, const Slice& section_head, CarOutput::Sink& sink);
  void keep(const CidKey& key, std::span<const Slice> block);
  void conclude(CarOutput::Sink& sink);
  Go fail_stream(Errc code, std::string_view what);
  void fail_content(Error error);
  [[nodiscard]] Walk& expected() { return stream_walk ? *stream_walk : walk; }

  Walk walk;
  std::optional<Walk> stream_walk;
  CarOutput output;
  Repeats repeats;
  KeptBlocks kept;
  CarReader reader;
  Hasher hasher;
  HeldBlock held;

  State state = State::kMore;
  Error failure;
  bool content_fault = false;
  bool needs_no_stream = false;
  std::deque<Slice> inputs;  // more than one only while repeats wait
  size_t input_at = 0;       // into inputs.front()
  bool ended = false;
  bool paused = false;     // repeats wait for the next call
  size_t slices_left = 0;  // of repeats, in this call
  bool may_repeat = true;  // the walk moved since kept was asked
  Section section = Section::kNone;
  bool section_ended = false;
  size_t section_at = 0;  // where the head begins in inputs.front(), if it does
  bool section_starts_here = false;
  Slice section_head;  // as it came, if in one piece
  size_t identity_at = 0;
  uint64_t identity_sections = 0;
  uint64_t blocks_proven = 0;
  uint64_t surplus_bytes = 0;
};

Verifier::State Verifier::Impl::run(Slices& out) {
  CarOutput::Sink sink(out);
  slices_left = limits::kRepeatSlicesPerCall;
  paused = false;
  while (state == State::kMore && step(sink) == Go::kOn) {
  }
  if (state == State::kMore) return state;
  for (const Slice& input : inputs) surplus_bytes += input.size;
  surplus_bytes -= input_at;
  if (state == State::kFailed || needs_no_stream) surplus_bytes = 0;
  inputs.clear();
  input_at = 0;
  held.clear();
  kept.clear();
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
    if (kept.knows(walk.next())) {
      fail_content({Errc::kTooLarge, 0, "a repeat lies too far back to be kept in memory"});
      return Go::kStop;
    }
    may_repeat = false;
  }
  if (section == Section::kUnjudged) return judge_section(sink);
  if (!inputs.empty()) return read();
  if (ended) return at_end(sink);
  return Go::kStop;
}

Verifier::Impl::Go Verifier::Impl::put_repeat(std::span<const Slice> block, CarOutput::Sink& sink) {
  if (slices_left == 0) {
    paused = true;
    return Go::kStop;
  }
  slices_left -= std::min(slices_left, block.size() + 1);
  deliver(block, {}, sink);
  return Go::kOn;
}

Verifier::Impl::Go Verifier::Impl::judge_section(CarOutput::Sink& sink) {
  const Cid& cid = reader.cid();
  const Walk& due = expected();
  if (cid.is_identity()) {
    if (identity_sections < due.identity_visits()) {
      ++identity_sections;
      if (reader.body_size() != cid.digest().size()) {
        return fail_stream(Errc::kHashMismatch, "an identity section is not what its CID holds");
      }
      section = Section::kIdentity;
      identity_at = 0;
      return Go::kOn;
    }
  } else if (due.state() == Walk::State::kWantsBlock && due.next().names_same_block(cid)) {
    section = Section::kBlock;
    held.clear();
    hasher.reset(cid.hash_code());
    return Go::kOn;
  }
  if (repeats == Repeats::kLazy) {
    if (const auto block = kept.find(walk.next())) return put_repeat(*block, sink);
    if (kept.knows(walk.next())) {
      fail_content({Errc::kTooLarge, 0, "a repeat lies too far back to be kept in memory"});
      return Go::kStop;
    }
  }
  return fail_stream(Errc::kUnexpected,
                     "section " + cid.text() + " came where " + due.next().text() + " had to come");
}

Verifier::Impl::Go Verifier::Impl::read() {
  const Slice& input = inputs.front();
  const CarReader::Step step = reader.step(input.bytes().subspan(input_at));
  const size_t before = input_at;
  input_at += step.consumed;
  switch (step.event) {
    case CarReader::Event::kNeedMore:
      check(input_at == input.size, "the reader left bytes without an event");
      inputs.pop_front();
      input_at = 0;
      section_starts_here = reader.may_end_here();
      section_at = 0;
      return Go::kOn;
    case CarReader::Event::kHeader:
      section_starts_here = true;
      section_at = input_at;
      return Go::kOn;
    case CarReader::Event::kSection:
      section = Section::kUnjudged;
      section_head = section_starts_here ? input.part(section_at, input_at - section_at) : Slice{};
      return Go::kOn;
    case CarReader::Event::kBody:
      if (section == Section::kIdentity) {
        const Bytes wanted = reader.cid().digest().subspan(identity_at, step.body.size());
        if (!std::ranges::equal(wanted, step.body)) {
          return fail_stream(Errc::kHashMismatch, "an identity section is not what its CID holds");
        }
        identity_at += step.body.size();
      } else {
        on_body(step.body, before + (step.consumed - step.body.size()));
      }
      return Go::kOn;
    case CarReader::Event::kSectionEnd:
      section_ended = true;
      return Go::kOn;
    case CarReader::Event::kFailed:
      return fail_stream(reader.failure().code, reader.failure().what);
  }
  return Go::kStop;
}

void Verifier::Impl::on_body(Bytes body, size_t offset) {
  hasher.update(body);
  held.add(inputs.front().part(offset, body.size()));
}

void Verifier::Impl::on_block_end(CarOutput::Sink& sink) {
  if (!hasher.finish_matches(reader.cid().digest())) {
    (void)fail_stream(Errc::kHashMismatch, "block " + reader.cid().text() + " has another digest");
    return;
  }
  ++blocks_proven;
  if (!stream_walk) return deliver(held.slices(), section_head, sink);

  const bool is_due = walk.next().names_same_block(reader.cid());
  if (is_due) deliver(held.slices(), section_head, sink);
  if (state != State::kMore || walk.state() != Walk::State::kWantsBlock) return;
  if (!is_due) keep(CidKey(reader.cid()), held.slices());
  may_repeat = true;
  if (stream_walk->on_block(held.slices()) == Walk::State::kFailed) {
    fail_content(stream_walk->failure());
  }
}

void Verifier::Impl::deliver(std::span<const Slice> block, const Slice& head,
                             CarOutput::Sink& sink) {
  may_repeat = true;
  const size_t size = total_size(block);
  if (!output.has_room_for(size)) {
    return fail_content({Errc::kTooLarge, 0, "the answer is beyond the budget of one request"});
  }
  const CarOutput::Head own_head(walk.next(), size);
  std::optional<CidKey> key;
  if (repeats != Repeats::kNone) key.emplace(walk.next());
  const Walk::State after = walk.on_block(block);
  if (after == Walk::State::kFailed) return fail_content(walk.failure());
  if (after == Walk::State::kDone && output.bytes() == 0) {
    if (std::optional<Error> refusal = refusal_before_output(walk)) {
      return fail_content(std::move(*refusal));
    }
  }
  output.put(own_head, block, head, sink);
  if (after == Walk::State::kWantsBlock && key) keep(*key, block);
}

void Verifier::Impl::keep(const CidKey& key, std::span<const Slice> block) {
  if (kept.add(key, block)) return;
  if (repeats == Repeats::kLazy) {
    kept.clear();  // An L2 that sends its repeats needs none of it.
  } else {
    fail_content({Errc::kTooLarge, 0, "memory of proven blocks beyond the budget of one request"});
  }
}

Verifier::Impl::Go Verifier::Impl::at_end(CarOutput::Sink& sink) {
  if (section != Section::kNone || !reader.may_end_here()) {
    return fail_stream(Errc::kTruncated, "the stream ends inside a section or its header");
  }
  if (repeats == Repeats::kLazy) {
    if (const auto block = kept.find(walk.next())) return put_repeat(*block, sink);
    if (kept.knows(walk.next())) {
      fail_content({Errc::kTooLarge, 0, "a repeat lies too far back to be kept in memory"});
      return Go::kStop;
    }
  }
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

void Verifier::Impl::fail_content(Error error) {
  state = State::kFailed;
  failure = std::move(error);
  content_fault = true;
}

Verifier::Verifier(const CarRequest& request, StreamShape shape, const WalkBudget& budget)
    : impl_(std::make_unique<Impl>(request, shape, budget)) {}
Verifier::~Verifier() = default;
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;

Verifier::State Verifier::on_bytes(const Slice& input, Slices& out) {
  if (impl_->state != State::kMore) {
    impl_->surplus_bytes += impl_->needs_no_stream ? 0 : input.size;
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
