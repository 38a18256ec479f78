#include <algorithm>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "common/proof/verifier_impl.h"

/// The part of the verifier that reads sections and says which of them may come.
namespace daphnis {

/// Called where the stream shows that it omits the wanted block: puts that block out from memory if
/// it is a repeat. nullopt: it is none.
std::optional<Verifier::Impl::Go> Verifier::Impl::put_lazy_repeat(CarOutput::Sink& sink) {
  if (repeats != Repeats::kLazy) return std::nullopt;
  if (const auto block = kept.find(walk.next())) return put_repeat(*block, sink);
  if (!kept.knows(walk.next())) return std::nullopt;
  return fail_far_repeat();
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
  } else if (is_expected()) {
    seeks_place = false;
    if (is_large()) return pass_over_large_block();
    begin_block();
    return Go::kOn;
  }
  if (const auto go = put_lazy_repeat(sink)) return *go;
  if (stream_walk && stream_walk->has_passed_over()) return pass_over_section();
  return fail_stream(Errc::kUnexpected,
                     "section " + cid.text() + " came where " + due.next().text() + " had to come");
}

void Verifier::Impl::begin_block() {
  section = Section::kBlock;
  held.clear();
  hasher.reset(reader.cid().hash_code());
}

/// Passes over a section that was not expected, where the stream may hold any section.
Verifier::Impl::Go Verifier::Impl::pass_over_section() {
  if (stream_walk->state() == Walk::State::kWantsBlock) {
    // The expected block came before, in a section that was passed over: it is not sent again.
    if (const auto block = kept.find(stream_walk->next())) {
      follow(*block);
      return state == State::kMore ? Go::kOn : Go::kStop;
    }
    if (kept.knows(stream_walk->next())) return fail_far_repeat();
  }
  if (const auto go = refuse_to_pass_over()) return *go;
  if (!reader.cid().is_identity() && !is_large() && Hasher::can_verify(reader.cid(), sha1)) {
    begin_block();
  } else {
    section = Section::kOdd;
  }
  return Go::kOn;
}

/// A block that the stream must hold here, which is larger than any that we hold to prove it. Where
/// the output does not need it, it is passed over with what is below it.
Verifier::Impl::Go Verifier::Impl::pass_over_large_block() {
  if (const auto go = refuse_to_pass_over()) return *go;
  section = Section::kOdd;
  return on_followed(stream_walk->pass_over_block());
}

/// Charges a section that the output does not need to the bytes that may be passed over. nullopt:
/// the section may go on; else the verification has failed.
std::optional<Verifier::Impl::Go> Verifier::Impl::refuse_to_pass_over() {
  if (walk.next().names_same_block(reader.cid())) {
    if (is_large()) return fail_stream(Errc::kTooLarge, "a block is too large");
    return std::nullopt;
  }
  const size_t size = reader.cid().bytes().size() + reader.body_size();
  if (size > passed_over_left) return fail_nobody("too much comes that cannot be read");
  passed_over_left -= size;
  return std::nullopt;
}

Verifier::Impl::Go Verifier::Impl::read(CarOutput::Sink& sink) {
  const Slice& input = inputs.front();
  const bool is_between = section == Section::kNone && reader.may_end_here();
  if (is_between && input_at < input.size && input.data[input_at] == 0) {
    // No section begins with a zero byte: the output can only need repeats from here on.
    if (const auto go = put_lazy_repeat(sink)) return *go;
  }
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
      } else if (section == Section::kBlock) {
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
  if (!stream_walk) return put_block(held.slices(), section_head, sink);

  const bool is_due = walk.next().names_same_block(reader.cid());
  const bool has_its_place = is_expected();
  if (is_due) put_block(held.slices(), section_head, sink);
  if (state != State::kMore || walk.state() != Walk::State::kWantsBlock) return;
  if (!is_due || !has_its_place) keep(CidKey(reader.cid()), held.slices());
  may_repeat = true;
  if (has_its_place) follow(held.slices());
}

/// Gives the stream's walk the block that it waits for.
void Verifier::Impl::follow(std::span<const Slice> block) {
  (void)on_followed(stream_walk->on_block(block));
}

Verifier::Impl::Go Verifier::Impl::on_followed(Walk::State after) {
  if (after != Walk::State::kFailed) return Go::kOn;
  return fail_nobody("the rest of the DAG is beyond the budget of one request");
}

}  // namespace daphnis
