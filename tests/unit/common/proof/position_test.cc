#include "common/proof/proof_position.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

/// What a verifier put out of the beginning of a stream, and where it came to.
struct Begun {
  ByteVector bytes;
  std::optional<ProofPosition> position;
};

/// Verifies the start of a stream. `is_ended`: the stream then ends, so that the verifier fails.
Begun begin(const CarRequest& request, StreamShape shape, Bytes start, bool is_ended) {
  Verifier verifier(request, shape);
  Slices out;
  (void)verifier.on_bytes(Slice::copy_of(start), out);
  if (is_ended) (void)verifier.on_end(out);
  while (verifier.has_more_output()) (void)verifier.resume(out);
  return {joined(out), verifier.position()};
}

Answer go_on(const ProofPosition& from, const CarRequest& request, Bytes stream,
             const WalkBudget& budget = {}) {
  Verifier verifier(from, request, budget);
  return run(verifier, stream);
}

/// The offsets behind the header and behind each section.
std::vector<size_t> boundaries_of(Bytes car) {
  std::vector<size_t> offsets;
  CarReader reader;
  for (size_t at = 0;;) {
    const CarReader::Step step = reader.step(car.subspan(at));
    at += step.consumed;
    if (step.event == CarReader::Event::kNeedMore) return offsets;
    const bool is_end =
        step.event == CarReader::Event::kHeader || step.event == CarReader::Event::kSectionEnd;
    if (is_end) offsets.push_back(at);
  }
}

/// Where a stream is cut: at each boundary, and inside the section that follows; of a long stream
/// at some boundaries only.
std::vector<size_t> ends_in(const ByteVector& stream) {
  constexpr size_t kMost = 12;
  const std::vector<size_t> boundaries = boundaries_of(stream);
  std::vector<size_t> ends;
  for (size_t i = 0; i < boundaries.size(); i += 1 + boundaries.size() / kMost) {
    ends.push_back(boundaries[i]);
    if (boundaries[i] + 3 < stream.size()) ends.push_back(boundaries[i] + 3);
  }
  return ends;
}

/// The CAR of an output's sections from number `skip` on.
ByteVector rest_of(const ByteVector& output, uint64_t skip) {
  std::vector<Section> sections = sections_of(output);
  REQUIRE(skip <= sections.size());
  sections.erase(sections.begin(), sections.begin() + static_cast<ptrdiff_t>(skip));
  return car_of(Cid(), sections);
}

/// The same, without the blocks that `came` names and without repeats.
ByteVector rest_without_repeats(const ByteVector& output, uint64_t skip, Bytes came) {
  std::vector<std::string> known = cids_of(came);
  std::vector<Section> sections;
  for (Section& section : sections_of(rest_of(output, skip))) {
    const std::string cid = section.cid.text();
    if (std::ranges::find(known, cid) != known.end()) continue;
    known.push_back(cid);
    sections.push_back(std::move(section));
  }
  return car_of(Cid(), sections);
}

void append(ByteVector& to, const ByteVector& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

/// A root with three leaves, and its output.
struct ThreeLeaves {
  ThreeLeaves() {
    const size_t root = dag.file({dag.raw({1, 1}), dag.raw({2, 2}), dag.raw({3, 3})});
    request.root = dag.nodes[root].cid;
    MemorySource source = dag.source();
    output = produce(request, source).bytes;
  }
  /// Where a verifier is once the root and one leaf are out.
  [[nodiscard]] ProofPosition position() const {
    const size_t end = boundaries_of(output)[2];
    return begin(request, StreamShape::kExact, Bytes(output).first(end), true).position.value();
  }

  DagBuilder dag{1};
  CarRequest request;
  ByteVector output;
};

}  // namespace

TEST_CASE("a stream cut anywhere goes on with another source, and the outputs join") {
  size_t joints = 0;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    const size_t root = dag.random_dag(static_cast<int>(seed % 4));
    MemorySource source = dag.source();
    const ByteVector whole = produce(CarRequest{dag.nodes[root].cid}, source).bytes;
    for (int round = 0; round < 4; ++round) {
      std::vector<size_t> path_nodes;
      const CarRequest request = dag.random_request(root, path_nodes);
      const ByteVector output = produce(request, source).bytes;
      for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
        const ByteVector& stream = shape == StreamShape::kExact ? output : whole;
        for (const size_t end : ends_in(stream)) {
          CAPTURE(end, shape == StreamShape::kExact, request.dups);
          const Begun begun = begin(request, shape, Bytes(stream).first(end), end % 2 == 0);
          const bool is_over = begun.bytes.size() == output.size();
          REQUIRE(begun.position.has_value() == (!begun.bytes.empty() && !is_over));
          if (!begun.position) continue;
          ++joints;
          CHECK(begun.position->output_bytes() == begun.bytes.size());
          const uint64_t visits = begun.position->visits();
          REQUIRE(visits == sections_of(begun.bytes).size());
          CHECK(begun.position->next().text() == cids_of(output)[visits]);

          ByteVector joint = begun.bytes;
          const Answer rest = go_on(*begun.position, request, rest_of(output, visits));
          CHECK(rest.complete);
          CHECK(rest.surplus == 0);
          append(joint, rest.bytes);
          CHECK(joint == output);

          if (!request.dups) continue;
          joint = begun.bytes;
          const ByteVector once = rest_without_repeats(output, visits, begun.bytes);
          append(joint, go_on(*begun.position, request, once).bytes);
          CHECK(joint == output);
        }
      }
    }
  }
  CHECK(joints > 1000);
}

TEST_CASE("one source after the other may bring one block each") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    CarRequest request{dag.nodes[dag.random_dag(2)].cid};
    request.dups = seed % 2 == 0;
    MemorySource source = dag.source();
    const ByteVector output = produce(request, source).bytes;
    const std::vector<size_t> boundaries = boundaries_of(output);
    if (boundaries.size() < 3 || boundaries.size() > 200) continue;
    Begun begun = begin(request, StreamShape::kExact, Bytes(output).first(boundaries[1]), false);
    while (begun.position) {
      const ByteVector rest = rest_of(output, begun.position->visits());
      Verifier verifier(std::move(*begun.position), request);
      Slices out;
      (void)verifier.on_bytes(Slice::copy_of(Bytes(rest).first(boundaries_of(rest)[1])), out);
      append(begun.bytes, joined(out));
      begun.position = verifier.position();
    }
    CHECK(begun.bytes == output);
  }
}

TEST_CASE("a verifier goes on after a copy of its position was taken and used") {
  const ThreeLeaves three;
  const size_t middle = boundaries_of(three.output)[2];
  Verifier verifier(three.request, StreamShape::kExact);
  Slices out;
  (void)verifier.on_bytes(Slice::copy_of(Bytes(three.output).first(middle)), out);
  const std::optional<ProofPosition> position = verifier.position();
  REQUIRE(position);
  const ByteVector rest = rest_of(three.output, position->visits());
  const Answer other = go_on(*position, three.request, rest);
  const Answer another = go_on(*position, three.request, rest);
  (void)verifier.on_bytes(Slice::copy_of(Bytes(three.output).subspan(middle)), out);
  CHECK(verifier.state() == Verifier::State::kComplete);
  CHECK_FALSE(verifier.position());
  CHECK(joined(out) == three.output);
  CHECK(to_vector(Bytes(three.output).subspan(middle)) == other.bytes);
  CHECK(other.bytes == another.bytes);
}

TEST_CASE("a stream that goes on elsewhere is no lie until one of its sections has fit") {
  const ThreeLeaves three;
  const ProofPosition position = three.position();
  CHECK(position.visits() == 2);
  const auto sections = sections_of(three.output);
  const auto answer_to = [&](std::vector<Section> stream) {
    return go_on(position, three.request, car_of(three.request.root, stream));
  };
  for (const size_t first : {size_t{0}, size_t{1}, size_t{3}}) {
    Verifier verifier(position, three.request);
    Slices out;
    (void)verifier.on_bytes(Slice::copy_of(rest_of(three.output, first)), out);
    CHECK(verifier.state() == Verifier::State::kFailed);
    CHECK(fault_of(verifier) == Fault::kElsewhere);
    CHECK(out.empty());
    REQUIRE(verifier.position());  // Yet another source may go on from there.
    CHECK(verifier.position()->visits() == position.visits());
  }
  CHECK(answer_to({sections[2], sections[1]}).fault == Fault::kStream);
  CHECK(answer_to({{sections[2].cid, {9}}, sections[3]}).fault == Fault::kStream);
  CHECK(answer_to({}).fault == Fault::kStream);
  // Without a position the first section is the root, and any other is a lie.
  CHECK(verify(three.request, StreamShape::kExact, rest_of(three.output, 1)).fault ==
        Fault::kStream);
}

TEST_CASE("the budget of an output counts what earlier sources brought") {
  const ThreeLeaves three;
  const std::vector<size_t> boundaries = boundaries_of(three.output);
  const auto finish_where_fits = [&](size_t last_block_at) {
    // A block of two bytes must fit at that offset.
    WalkBudget budget;
    budget.output_bytes_max = last_block_at + kCarHeaderWrittenMax + kSectionHeadBytesMax + 2;
    Verifier first(three.request, StreamShape::kExact, budget);
    Slices out;
    (void)first.on_bytes(Slice::copy_of(Bytes(three.output).first(boundaries[2])), out);
    return go_on(first.position().value(), three.request, rest_of(three.output, 2), budget);
  };
  CHECK(finish_where_fits(boundaries[3]).complete);
  const Answer refused = finish_where_fits(boundaries[2]);
  CHECK(refused.fault == Fault::kContent);
  CHECK(refused.failure.code == Errc::kTooLarge);
  CHECK(sections_of(three.output).size() == 4);
}

TEST_CASE("no source can go on where the content is at fault") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1});
  const ByteVector junk = {0xff};
  Hasher hasher;
  const Cid bad = *hasher.cid_of(codec::kDagCbor, hash::kSha2_256, junk);
  ByteVector block = dag.nodes[dag.dag_cbor({{leaf, leaf}})].bytes;
  const auto second = std::ranges::find_end(block, dag.nodes[leaf].cid.bytes()).begin();
  std::ranges::copy(bad.bytes(), second);
  CarRequest request{*hasher.cid_of(codec::kDagCbor, hash::kSha2_256, block)};
  Verifier verifier(request, StreamShape::kExact);
  Slices out;
  const ByteVector stream =
      car_of(request.root, {{request.root, block}, {dag.nodes[leaf].cid, {1}}, {bad, junk}});
  (void)verifier.on_bytes(Slice::copy_of(stream), out);
  CHECK(fault_of(verifier) == Fault::kContent);
  CHECK(verifier.output_bytes() > 0);
  CHECK_FALSE(verifier.position());
}
