#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

std::vector<std::string> texts_of(const std::vector<Cid>& cids) {
  std::vector<std::string> texts;
  for (const Cid& cid : cids) texts.push_back(cid.text());
  return texts;
}

std::string describe(const CarRequest& request) {
  std::string text = request.root.text();
  for (const std::string& segment : request.path) text += "/" + segment;
  text += " scope " + std::to_string(static_cast<int>(request.scope));
  text += request.dups ? " dups" : "";
  if (request.bytes) {
    text += " bytes " + std::to_string(request.bytes->from) + ":";
    text += request.bytes->to ? std::to_string(*request.bytes->to) : "*";
  }
  return text;
}

}  // namespace

TEST_CASE("producer and verifier find the blocks that random DAGs hold by construction") {
  size_t requests = 0;
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    const size_t root = dag.random_dag(static_cast<int>(seed % 4));
    MemorySource source = dag.source();
    const Answer whole = produce(CarRequest{dag.nodes[root].cid}, source);
    REQUIRE(whole.complete);
    for (int round = 0; round < 8; ++round, ++requests) {
      std::vector<size_t> path_nodes;
      CarRequest request = dag.random_request(root, path_nodes);
      CAPTURE(describe(request));
      std::vector<Cid> expected = dag.expected(request, path_nodes);
      if (!request.dups) expected = without_repeats(expected);

      const Answer made = produce(request, source, 1 + dag.random() % 400);
      CAPTURE(made.failure.text());
      REQUIRE(made.complete);
      REQUIRE(cids_of(made.bytes) == texts_of(expected));

      const Answer exact =
          verify_in_pieces(request, StreamShape::kExact, made.bytes, 1 + dag.random() % 300);
      CAPTURE(exact.failure.text());
      CHECK(exact.complete);
      CHECK(exact.bytes == made.bytes);
      CHECK(exact.surplus == 0);

      // A legacy L2 sends the whole DAG for every request.
      const Answer legacy =
          verify_in_pieces(request, StreamShape::kWholeDag, whole.bytes, 1 + dag.random() % 300);
      CAPTURE(legacy.failure.text());
      CHECK(legacy.complete);
      CHECK(legacy.bytes == made.bytes);

      if (request.dups) {
        CarRequest once = request;
        once.dups = false;
        const Answer omitted = verify(request, StreamShape::kExact, produce(once, source).bytes);
        CAPTURE(omitted.failure.text());
        CHECK(omitted.complete);
        CHECK(omitted.bytes == made.bytes);
      }
    }
  }
  CHECK(requests == 60 * 8);
}

TEST_CASE("a stream that is cut or changed anywhere never completes") {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    const size_t root = dag.random_dag(2);
    MemorySource source = dag.source();
    std::vector<size_t> path_nodes;
    CarRequest request = dag.random_request(root, path_nodes);
    request.dups = false;  // With dups=y a cut stream may only lack repeats, and complete.
    const ByteVector good = produce(request, source).bytes;
    if (sections_of(good).empty()) continue;
    for (int round = 0; round < 40; ++round) {
      const size_t at = dag.random() % good.size();
      CAPTURE(at);
      const Answer cut = verify(request, StreamShape::kExact, Bytes(good).first(at));
      CHECK_FALSE(cut.complete);
      CHECK(cut.bytes.size() <= at);
      CHECK(std::equal(cut.bytes.begin(), cut.bytes.end(), good.begin()));

      ByteVector bad = good;
      bad[at] ^= static_cast<uint8_t>(1 << dag.random() % 8);
      const Answer changed = verify(request, StreamShape::kExact, bad);
      // A flipped bit in the header's root, which is ignored, or in the version byte of a section's
      // CID does no harm: the output is right or incomplete.
      if (changed.complete) {
        CHECK(changed.bytes == good);
      } else {
        REQUIRE(changed.bytes.size() <= good.size());
        CHECK(std::equal(changed.bytes.begin(), changed.bytes.end(), good.begin()));
        CHECK_FALSE(changed.content_fault);
      }
    }
  }
}

TEST_CASE("a store that lacks a block ends the output there") {
  DagBuilder dag(7);
  const size_t leaf = dag.raw({1, 2, 3});
  const size_t other = dag.raw({4, 5, 6});
  const size_t root = dag.file({leaf, other});
  MemorySource source = dag.source();
  const CarRequest request{dag.nodes[root].cid};

  MemorySource without_root;
  const Answer none = produce(request, without_root);
  CHECK(none.failure.code == Errc::kNotFound);
  CHECK(none.bytes.empty());

  MemorySource without_leaf;
  without_leaf.add(dag.nodes[root].cid, dag.nodes[root].bytes);
  without_leaf.add(dag.nodes[leaf].cid, dag.nodes[leaf].bytes);
  const Answer cut = produce(request, without_leaf);
  CHECK(cut.failure.code == Errc::kTruncated);
  CHECK(cids_of(cut.bytes).size() == 2);

  // Only the blocks of the range must exist.
  CarRequest range = request;
  range.scope = DagScope::kEntity;
  range.bytes = ByteRange{0, 2};
  CHECK(produce(range, without_leaf).complete);
}
