#include "common/proof/walk.h"

#include <catch2/catch.hpp>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

/// Gives the walk its next block and returns that block's CID.
std::string step(Walk& walk, MemorySource& source) {
  const std::string cid = walk.next().text();
  Slices block;
  REQUIRE(source.read(walk.next(), block) == BlockSource::Read::kOk);
  (void)walk.on_block(block);
  return cid;
}

/// A file of the same leaf three times, with one leaf inside its CID.
struct Repeating {
  Repeating() {
    leaf = dag.raw({1, 2, 3});
    const size_t inlined = dag.raw({4, 5}, hash::kIdentity);
    root = dag.dag_cbor({{leaf, inlined, leaf}, {inlined, leaf}});
    source = dag.source();
  }
  [[nodiscard]] CarRequest request(bool dups) const {
    CarRequest request{dag.nodes[root].cid};
    request.dups = dups;
    return request;
  }

  DagBuilder dag{1};
  size_t leaf;
  size_t root;
  MemorySource source;
};

}  // namespace

TEST_CASE("a walk counts the blocks it took with their repeats and without identity CIDs") {
  Repeating repeating;
  for (const bool dups : {false, true}) {
    Walk walk(repeating.request(dups), {});
    CHECK(walk.visits() == 0);
    uint64_t blocks = 0;
    while (walk.state() == Walk::State::kWantsBlock) {
      (void)step(walk, repeating.source);
      CHECK(walk.visits() == ++blocks);
    }
    CHECK(blocks == (dups ? 4 : 2));
    CHECK(walk.identity_visits() == 2);
  }
}

TEST_CASE("a copy of a walk goes on by itself from where the walk was") {
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    const size_t root = dag.random_dag(3);
    MemorySource source = dag.source();
    std::vector<size_t> path_nodes;
    Walk walk(dag.random_request(root, path_nodes), {});
    while (walk.state() == Walk::State::kWantsBlock) {
      Walk copy = walk;
      std::vector<std::string> rest;
      while (copy.state() == Walk::State::kWantsBlock) rest.push_back(step(copy, source));
      CHECK(walk.visits() + rest.size() == copy.visits());
      REQUIRE(step(walk, source) == rest.front());
    }
  }
}
