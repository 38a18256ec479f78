#include <catch2/catch.hpp>

#include "common/cachefile/cache_denial.h"
#include "common/denylist/denylist.h"
#include "tests/unit/common/denylist/deny_list.h"
#include "tests/unit/common/proof/dag_builder.h"

/// What may not be served: walks end before a block that is denied.
namespace daphnis::test {
namespace {

/// A directory of two files, and lists about it.
class Denying {
 public:
  Denying() {
    a = dag.file({dag.raw({1}), dag.raw({2})});
    b = dag.file({dag.raw({3}), dag.raw({4})});
    root = dag.directory({{"a", a}, {"b", b}});
    whole.root = cid(root);
    source = dag.source();
    car = produce(whole, source).bytes;
  }

  [[nodiscard]] const Cid& cid(size_t node) const { return dag.nodes[node].cid; }
  /// Puts a list in force.
  void deny(const std::string& lines) {
    lists.push_back(std::make_unique<ListOf>(std::vector<std::string>{lines}));
    denylist.set(std::shared_ptr<const DenyTable>(std::shared_ptr<void>(), &**lists.back()));
  }
  [[nodiscard]] WalkBudget budget() const {
    WalkBudget budget;
    budget.denylist = &denylist;
    return budget;
  }

  DagBuilder dag{1};
  size_t a = 0;
  size_t b = 0;
  size_t root = 0;
  CarRequest whole;
  MemorySource source;
  ByteVector car;
  std::vector<std::unique_ptr<ListOf>> lists;
  Denylist denylist;
};

}  // namespace

TEST_CASE("a verifier ends before a block that may not be served, by the content's fault",
          "[proof][denylist]") {
  Denying rig;
  rig.deny("# nothing\n/ipfs/" + rig.cid(rig.b).text() + "\n");
  const Answer answer = verify(rig.whole, StreamShape::kExact, rig.car, {}, rig.budget());
  CHECK_FALSE(answer.complete);
  CHECK(answer.failure.code == Errc::kDenied);
  CHECK(answer.fault == Fault::kContent);
  // All before it but the block that it follows has gone out.
  CHECK(answer.bytes.size() < rig.car.size() / 2 + 100);
  Verifier verifier(rig.whole, StreamShape::kExact, rig.budget());
  (void)run(verifier, rig.car);
  CHECK(verifier.denial() == Denial{.rule = 2});
  CHECK_FALSE(verifier.position());
}

TEST_CASE("a producer ends before such a block too, and other parts can be had",
          "[proof][denylist]") {
  Denying rig;
  rig.deny("/ipfs/" + rig.cid(rig.b).text() + " gateway_status:451\n");
  Producer producer(rig.whole, rig.budget());
  CHECK(run(producer, rig.source).failure.code == Errc::kDenied);
  CHECK(producer.denial() == Denial{.rule = 1, .is_legal = true});
  CarRequest part = rig.whole;
  part.path = {"a"};
  CHECK(produce(part, rig.source, 100, rig.budget()).complete);
  part.path = {"b"};
  CHECK(produce(part, rig.source, 100, rig.budget()).failure.code == Errc::kDenied);
}

TEST_CASE("a whole DAG that is sent for a part of it may hold what is denied",
          "[proof][denylist]") {
  Denying rig;
  rig.deny("/ipfs/" + rig.cid(rig.b).text() + "\n");
  CarRequest part = rig.whole;
  part.path = {"a"};
  CHECK(verify(part, StreamShape::kWholeDag, rig.car, {}, rig.budget()).complete);
}

TEST_CASE("an exception for a path goes past the root, and no further", "[proof][denylist]") {
  Denying rig;
  const std::string root = "/ipfs/" + rig.cid(rig.root).text();
  rig.deny(root + "/*\n!" + root + "/a\n");
  CarRequest part = rig.whole;
  part.path = {"a"};
  CHECK(produce(part, rig.source, 100, rig.budget()).complete);
  rig.deny(root + "/*\n!" + root + "/a\n/ipfs/" + rig.cid(rig.a).text() + "\n");
  CHECK(produce(part, rig.source, 100, rig.budget()).failure.code == Errc::kDenied);
}

TEST_CASE("a walk under way goes by the list that is in force", "[proof][denylist]") {
  Denying rig;
  rig.deny("# nothing\n");
  Verifier verifier(rig.whole, StreamShape::kExact, rig.budget());
  Slices out;
  const Slice car = Slice::copy_of(rig.car);
  CHECK(verifier.on_bytes(car.part(0, car.size / 2), out) == Verifier::State::kMore);
  rig.deny("/ipfs/" + rig.cid(rig.dag.nodes[rig.b].links[1]).text() + "\n");
  CHECK(verifier.on_bytes(car.part(car.size / 2, car.size - car.size / 2), out) ==
        Verifier::State::kFailed);
  CHECK(verifier.denial());
}

TEST_CASE("a cached file is judged by its request and by the blocks that it lists",
          "[proof][denylist]") {
  Denying rig;
  CacheTrailer trailer{.request = rig.whole, .blocks = {}, .sums = {}};
  for (const Section& section : sections_of(rig.car)) trailer.blocks.push_back({section.cid});
  const auto denial = [&](const std::string& line) {
    return denial_of(trailer, *ListOf({line + "\n"}));
  };
  const std::string root = "/ipfs/" + rig.cid(rig.root).text();
  CHECK(denial(root));
  CHECK(denial("/ipfs/" + rig.cid(rig.a).text()));
  CHECK_FALSE(denial(root + "/a"));
  trailer.request.path = {"a"};
  CHECK(denial(root + "/a"));
  CHECK(denial(root + "/*"));
  CHECK_FALSE(denial(root + "/*\n!" + root + "/a"));
}

}  // namespace daphnis::test
