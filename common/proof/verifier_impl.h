#pragma once

// Included by verifier.cc and verifier_sections.cc alone.

#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/ipld/car.h"
#include "common/ipld/hashes.h"
#include "common/proof/held_block.h"
#include "common/proof/proof_position_parts.h"
#include "common/proof/verifier.h"

namespace daphnis {

/// One verification. The walk says which block the output needs next. Where an L2 sends the whole
/// DAG for a narrower request, a second walk says which block the stream holds next, and blocks
/// that come before the output needs them are kept. The second walk passes over nodes that it
/// cannot read. The stream may then hold blocks below such a node, at places that cannot be
/// foretold: these sections are passed over too, and kept where they can be proven, since the
/// stream does not repeat them where they are needed elsewhere. At most
/// WalkBudget::repeat_bytes_max bytes of sections are passed over.
struct Verifier::Impl {
  Impl(const CarRequest& request, StreamShape shape, const WalkBudget& budget);
  Impl(ProofPosition::Parts from, const CarRequest& request, const WalkBudget& budget);

  /// How the repeats that a dups=y output needs are put out.
  enum class Repeats : uint8_t {
    kNone,   ///< dups=n: there are none.
    kLazy,   ///< The stream may hold them; one is put out from memory once the stream omits it.
    kEager,  ///< The stream never holds them; they are put out from memory at once.
  };
  [[nodiscard]] static Repeats repeats_of(const CarRequest& request, StreamShape shape);

  enum class Section : uint8_t {
    kNone,      ///< Between sections.
    kUnjudged,  ///< Its head was read, and judge_section() has not yet decided what it is.
    kBlock,     ///< Its body is read, hashed and held.
    kIdentity,  ///< Its body is compared with its CID, then dropped.
    kOdd,       ///< Its body is dropped: it cannot be proven, so it is of no use.
  };
  enum class Go : bool { kOn, kStop };

  State run(Slices& out);
  Go step(CarOutput::Sink& sink);
  Go put_repeat(std::span<const Slice> block, CarOutput::Sink& sink);
  std::optional<Go> put_lazy_repeat(CarOutput::Sink& sink);
  void count_rest(Bytes bytes);
  Go judge_section(CarOutput::Sink& sink);
  void begin_block();
  /// A block that is too large to be held.
  [[nodiscard]] bool is_large() const { return reader.body_size() > limits::kBlockBytesMax; }
  Go read(CarOutput::Sink& sink);
  Go at_end(CarOutput::Sink& sink);
  void on_body(Bytes body, size_t offset);
  void on_block_end(CarOutput::Sink& sink);
  void put_block(std::span<const Slice> block, const Slice& section_head, CarOutput::Sink& sink);
  void keep(const CidKey& key, std::span<const Slice> block);
  void conclude(CarOutput::Sink& sink);
  Go pass_over_section();
  Go pass_over_large_block();
  std::optional<Go> refuse_to_pass_over();
  void follow(std::span<const Slice> block);
  /// The stream's walk has taken or passed over a block.
  Go on_followed(Walk::State after);
  Go fail_stream(Errc code, std::string_view what);
  void fail_content(Error error);
  Go fail_nobody(std::string_view what);
  Go fail_far_repeat();
  /// True where another verifier may go on from here.
  [[nodiscard]] bool has_position() const;
  [[nodiscard]] Walk& expected() { return stream_walk ? *stream_walk : walk; }
  /// True where the section that came is the one that the stream must hold here.
  [[nodiscard]] bool is_expected() {
    return expected().state() == Walk::State::kWantsBlock &&
           expected().next().names_same_block(reader.cid());
  }

  Walk walk;
  std::optional<Walk> stream_walk;
  Sha1 sha1;  ///< For blocks that are passed over; the walks have the budget's value too.
  CarOutput output;
  Repeats repeats;
  KeptBlocks kept;
  size_t passed_over_left;  // bytes of sections that may still be passed over
  CarReader reader;
  Hasher hasher;
  HeldBlock held;

  State state = State::kMore;
  Error failure;
  bool content_fault = false;
  bool needs_no_stream = false;
  bool seeks_place = false;  // went on from a position, and no section of the stream has fit yet
  std::deque<Slice> inputs;  // more than one only while repeats wait
  size_t input_at = 0;       // into inputs.front()
  bool ended = false;
  bool paused = false;     // repeats wait for the next call
  size_t slices_left = 0;  // of repeats, in this call
  bool may_repeat = true;  // the walk or `kept` has changed since kept.find() failed
  Section section = Section::kNone;
  bool section_ended = false;
  size_t section_at = 0;  // where the head begins in inputs.front(), if section_starts_here
  bool section_starts_here = false;
  Slice section_head;  // as it came, if in one piece
  size_t identity_at = 0;
  uint64_t identity_sections = 0;
  uint64_t blocks_proven = 0;
  std::vector<uint64_t> links;  // Verifier::take_links()
  size_t padding_left = limits::kDrainBytesMax;
  uint64_t surplus_bytes = 0;
};

}  // namespace daphnis
