#include "common/proof/verifier.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

ByteVector bytes_of(size_t size, uint8_t fill) {
  return ByteVector(size, fill);
}

/// A CAR of these nodes, in this order.
ByteVector car_of_nodes(const DagBuilder& dag, const std::vector<size_t>& order) {
  std::vector<Section> sections;
  for (const size_t node : order) sections.push_back({dag.nodes[node].cid, dag.nodes[node].bytes});
  return car_of(sections.front().cid, sections);
}

CarRequest whole(const DagBuilder& dag, size_t root, bool dups = false) {
  CarRequest request{dag.nodes[root].cid};
  request.dups = dups;
  return request;
}

}  // namespace

TEST_CASE("the proof that a path is missing says how many of its segments were found") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1, 2, 3});
  const size_t sub = dag.directory({{"file", leaf}});
  const size_t root = dag.directory({{"sub", sub}, {"leaf", leaf}});
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  const auto missing_after = [&](std::vector<std::string> path, size_t bytes) {
    CarRequest request = whole(dag, root);
    request.path = std::move(path);
    Verifier verifier(request, StreamShape::kWholeDag);
    (void)run(verifier, Bytes(stream).first(bytes));
    return verifier.missing_after();
  };
  CHECK(missing_after({"nope"}, stream.size()) == 0);
  CHECK(missing_after({"sub", "nope"}, stream.size()) == 1);
  CHECK(missing_after({"sub", "file", "x", "y"}, stream.size()) == 2);
  CHECK_FALSE(missing_after({"sub", "file"}, stream.size()));
  CHECK_FALSE(missing_after({}, stream.size()));
  CHECK_FALSE(missing_after({"nope"}, 40));
}

TEST_CASE("a missing path is not found before the first byte and proven absent after it") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1, 2, 3});
  const size_t sub = dag.directory({{"file", leaf}});
  const size_t root = dag.directory({{"sub", sub}, {"leaf", leaf}});
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    CarRequest request = whole(dag, root);
    request.path = {"nope"};
    const Answer absent = verify(request, shape, stream);
    CHECK_FALSE(absent.complete);
    CHECK(absent.failure.code == Errc::kNotFound);
    CHECK(absent.content_fault);
    CHECK(absent.bytes.empty());
    CHECK(produce(request, source).failure.code == Errc::kNotFound);

    request.path = {"sub", "nope"};
    const Answer proof = verify(request, shape, stream);
    CHECK(proof.complete);
    CHECK(cids_of(proof.bytes) ==
          std::vector{dag.nodes[root].cid.text(), dag.nodes[sub].cid.text()});
  }
  CarRequest below_leaf = whole(dag, root);
  below_leaf.path = {"leaf", "x"};
  const Answer proof = produce(below_leaf, source);
  CHECK(proof.complete);
  CHECK(cids_of(proof.bytes).size() == 2);
}

TEST_CASE("a path that ends at a value is refused before the first byte") {
  DagBuilder dag(1);
  const size_t root = dag.dag_cbor({{dag.raw({1})}});
  MemorySource source = dag.source();
  CarRequest request = whole(dag, root);
  const ByteVector stream = produce(request, source).bytes;
  request.path = {"n"};
  const Answer answer = verify(request, StreamShape::kExact, stream);
  CHECK(answer.failure.code == Errc::kInvalid);
  CHECK(answer.content_fault);
  CHECK(answer.bytes.empty());
}

TEST_CASE("a raw output is the block alone and comes from either kind of stream") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw(bytes_of(500, 7));
  const size_t root = dag.file({leaf, dag.raw({2})});
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  CarRequest request = whole(dag, root);
  request.format = AnswerFormat::kRaw;
  request.scope = DagScope::kBlock;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    const Answer answer = verify_in_pieces(request, shape, stream, 33);
    CHECK(answer.complete);
    CHECK(answer.bytes == dag.nodes[root].bytes);
    CHECK(answer.surplus > 0);
  }
  request.root = *Cid::from_text("bafkqaaik");
  const Answer identity = verify(request, StreamShape::kExact, {});
  CHECK(identity.complete);
  CHECK(identity.bytes == ByteVector{'\n'});
}

TEST_CASE("an output without blocks completes with a header and no surplus") {
  const CarRequest probe{};  // bafkqaaa
  const ByteVector car = load_fixture("valid/probe-bafkqaaa.car");
  const Answer answer = verify(probe, StreamShape::kExact, car);
  CHECK(answer.complete);
  CHECK(answer.bytes == car);
  CHECK(answer.surplus == 0);
  CHECK(verify(probe, StreamShape::kExact, {}).bytes == car);
}

TEST_CASE("a stream whose bytes are those of our output goes out in the slices it came in") {
  DagBuilder dag(1);
  std::vector<size_t> leaves;
  for (uint8_t i = 0; i < 50; ++i) leaves.push_back(dag.raw(bytes_of(1000, i)));
  const size_t root = dag.file(leaves);
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  const Slice input = Slice::copy_of(stream);
  Verifier verifier(whole(dag, root), StreamShape::kExact);
  Slices out;
  CHECK(verifier.on_bytes(input, out) == Verifier::State::kComplete);
  REQUIRE(out.size() == 2);  // Our header, then all other bytes in one slice.
  CHECK(out[1].data >= input.data);
  CHECK(out[1].data + out[1].size == input.data + input.size);
  CHECK(joined(out) == stream);
  CHECK(verifier.blocks_proven() == 51);
}

TEST_CASE("a section goes out under the link's CID and not under its own spelling of it") {
  DagBuilder dag(1);
  const size_t leaf = dag.file({}, {1, 2}, true);
  const size_t root = dag.file({leaf}, {}, true);
  REQUIRE(dag.nodes[root].cid.version() == 0);
  MemorySource source = dag.source();
  const ByteVector good = produce(whole(dag, root), source).bytes;
  std::vector<Section> sections = sections_of(good);
  for (Section& section : sections) {
    section.cid = *Cid::v1(codec::kDagPb, hash::kSha2_256, section.cid.digest());
  }
  const ByteVector stream = car_of(dag.nodes[root].cid, sections);
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    CHECK(verify(whole(dag, root), shape, stream).bytes == good);
  }
  CarRequest block = whole(dag, root);
  block.scope = DagScope::kBlock;
  CHECK(verify(block, StreamShape::kWholeDag, stream).bytes == produce(block, source).bytes);
}

TEST_CASE("a block in many small pieces is held in few slices") {
  DagBuilder dag(1);
  const size_t root = dag.raw(bytes_of(100'000, 1));
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  Verifier verifier(whole(dag, root), StreamShape::kExact);
  Slices out;
  for (const uint8_t byte : stream) (void)verifier.on_bytes(Slice::copy_of({&byte, 1}), out);
  CHECK(verifier.state() == Verifier::State::kComplete);
  CHECK(out.size() <= limits::kBlockSlicesMax + 2);
  CHECK(joined(out) == stream);
}

TEST_CASE("bytes behind the end of the walk are counted and change nothing") {
  DagBuilder dag(1);
  const size_t root = dag.raw({1});
  MemorySource source = dag.source();
  ByteVector stream = produce(whole(dag, root), source).bytes;
  const ByteVector good = stream;
  stream.insert(stream.end(), 10, 1);
  Verifier verifier(whole(dag, root), StreamShape::kExact);
  Slices out;
  CHECK(verifier.on_bytes(Slice::copy_of(stream), out) == Verifier::State::kComplete);
  CHECK(verifier.surplus_bytes() == 10);
  CHECK(verifier.on_bytes(Slice::copy_of(stream), out) == Verifier::State::kComplete);
  CHECK(verifier.surplus_bytes() == 10 + stream.size());
  CHECK(verifier.on_end(out) == Verifier::State::kComplete);
  CHECK(joined(out) == good);
}

TEST_CASE("identity sections come only where the walk passed such links") {
  DagBuilder dag(1);
  const size_t inlined = dag.raw({1, 2, 3}, hash::kIdentity);
  const size_t leaf = dag.raw({4});
  const size_t root = dag.dag_cbor({{inlined}, {leaf}});
  const std::vector<size_t> once = {root, inlined, leaf};
  const std::vector<size_t> twice = {root, inlined, inlined, leaf};
  const std::vector<size_t> early = {inlined, root, leaf};
  const Answer good = verify(whole(dag, root), StreamShape::kExact, car_of_nodes(dag, once));
  CHECK(good.complete);
  CHECK(cids_of(good.bytes).size() == 2);
  for (const auto& order : {twice, early}) {
    const Answer bad = verify(whole(dag, root), StreamShape::kExact, car_of_nodes(dag, order));
    CHECK_FALSE(bad.complete);
    CHECK(bad.failure.code == Errc::kUnexpected);
    CHECK_FALSE(bad.content_fault);
  }
  std::vector<Section> lie = {{dag.nodes[root].cid, dag.nodes[root].bytes},
                              {dag.nodes[inlined].cid, {1, 2, 4}}};
  CHECK(verify(whole(dag, root), StreamShape::kExact, car_of(dag.nodes[root].cid, lie))
            .failure.code == Errc::kHashMismatch);
}

TEST_CASE("many repeats are put out a part at a time") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw(bytes_of(100, 1));
  const size_t inner = dag.file(std::vector<size_t>(100, leaf));
  const size_t root = dag.file(std::vector<size_t>(100, inner));
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  CHECK(sections_of(stream).size() == 3);
  const ByteVector wanted = produce(whole(dag, root, true), source).bytes;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    Verifier verifier(whole(dag, root, true), shape);
    Slices out;
    ByteVector bytes;
    size_t calls = 0;
    (void)verifier.on_bytes(Slice::copy_of(stream), out);
    (void)verifier.on_end(out);
    while (true) {
      CHECK(out.size() <= 2 * limits::kRepeatSlicesPerCall + 8);
      const ByteVector part = joined(out);
      bytes.insert(bytes.end(), part.begin(), part.end());
      out.clear();
      if (!verifier.has_more_output()) break;
      ++calls;
      (void)verifier.resume(out);
    }
    CHECK(calls > 10);
    CHECK(verifier.state() == Verifier::State::kComplete);
    CHECK(bytes == wanted);
  }
}

TEST_CASE("each budget ends a walk that would pass it and names it") {
  DagBuilder dag(1);
  std::vector<size_t> leaves;
  for (uint32_t i = 0; i < 2000; ++i) {
    leaves.push_back(dag.raw({static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)}));
  }
  size_t chain = leaves[0];
  for (int i = 0; i < 20; ++i) chain = dag.file({chain, leaves[1]});
  const size_t wide = dag.file(leaves);
  MemorySource source = dag.source();
  const auto refusal = [&](size_t root, const WalkBudget& budget) {
    const ByteVector stream = produce(whole(dag, root), source).bytes;
    const Answer answer = verify(whole(dag, root), StreamShape::kExact, stream, {}, budget);
    CHECK_FALSE(answer.complete);
    CHECK(answer.content_fault);
    CHECK(answer.failure.code == Errc::kTooLarge);
    const Answer made = produce(whole(dag, root), source, 1000, budget);
    CHECK(made.failure.code == Errc::kTooLarge);
    CHECK(made.bytes == answer.bytes);
    return answer.failure.detail;
  };
  WalkBudget budget;
  budget.depth_max = 20;
  CHECK(refusal(chain, budget).starts_with("depth"));
  budget.depth_max = 21;
  CHECK(produce(whole(dag, chain), source, 1000, budget).complete);
  budget = {};
  budget.pending_bytes_max = 50'000;
  CHECK(refusal(wide, budget).starts_with("pending links"));
  budget = {};
  budget.seen_bytes_max = 20'000;
  CHECK(refusal(wide, budget).starts_with("memory of visited links"));
  budget = {};
  budget.output_bytes_max = 100'000;
  CHECK(refusal(wide, budget).starts_with("the answer"));
}

TEST_CASE("a repeat that is no longer kept is refused and never left out") {
  DagBuilder dag(1);
  std::vector<size_t> leaves;
  for (uint8_t i = 0; i < 20; ++i) leaves.push_back(dag.raw(bytes_of(1000, i)));
  leaves.push_back(leaves[0]);
  const size_t root = dag.file(leaves);
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  WalkBudget budget;
  budget.repeat_bytes_max = 8'000;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    const Answer answer = verify(whole(dag, root, true), shape, stream, {}, budget);
    CHECK_FALSE(answer.complete);
    CHECK(answer.fault == Fault::kNobody);  // Another L2 may send its repeats.
    CHECK(verify(whole(dag, root, true), shape, stream).complete);
  }
  // Where the L2 sends its repeats, none need be kept.
  const ByteVector sent = produce(whole(dag, root, true), source).bytes;
  CHECK(verify(whole(dag, root, true), StreamShape::kExact, sent, {}, budget).complete);
}

TEST_CASE("links of unknown hash or codec are refused before the block that holds them goes out") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1});
  ByteVector block = dag.nodes[dag.dag_cbor({{leaf}})].bytes;
  const auto codec_at = std::ranges::search(block, dag.nodes[leaf].cid.bytes()).begin() + 1;
  *codec_at = 0x78;  // git-raw
  Hasher hasher;
  const Cid root = *hasher.cid_of(codec::kDagCbor, hash::kSha2_256, block);
  const ByteVector stream = car_of(root, {{root, block}});
  const Answer all = verify(CarRequest{root}, StreamShape::kExact, stream);
  CHECK(all.failure.code == Errc::kUnsupported);
  CHECK(all.content_fault);
  CHECK(all.bytes.empty());
  CarRequest only{root};
  only.scope = DagScope::kBlock;
  CHECK(verify(only, StreamShape::kExact, stream).complete);
  only.path = {"k0"};  // The block can be proven; its codec need not be known.
  const ByteVector leaf_too = car_of(
      root, {{root, block}, {*Cid::v1(0x78, hash::kSha2_256, dag.nodes[leaf].cid.digest()), {1}}});
  CHECK(verify(only, StreamShape::kExact, leaf_too).complete);
}

TEST_CASE("a file met for a part first and then whole is walked again below but sent once") {
  DagBuilder dag(1);
  const size_t a = dag.raw(bytes_of(10, 1));
  const size_t b = dag.raw(bytes_of(10, 2));
  const size_t part = dag.file({a, b});
  const size_t root = dag.file({part, part, part});
  MemorySource source = dag.source();
  CarRequest request = whole(dag, root);
  request.scope = DagScope::kEntity;
  request.bytes = ByteRange{12, 25};  // The end of the first part, the start of the second.
  const Answer answer = produce(request, source);
  const auto text = [&dag](size_t node) { return dag.nodes[node].cid.text(); };
  CHECK(cids_of(answer.bytes) == std::vector{text(root), text(part), text(b), text(a)});
  CHECK(verify(request, StreamShape::kExact, answer.bytes).bytes == answer.bytes);
  request.dups = true;
  const Answer twice = produce(request, source);
  CHECK(cids_of(twice.bytes) == std::vector{text(root), text(part), text(b), text(part), text(a)});
  CHECK(verify(request, StreamShape::kExact, answer.bytes).bytes == twice.bytes);
}
