#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

Answer produce_behind(const CarRequest& request, BlockSource& source, const Skip& skip,
                      Producer::OnRefusal on_refusal = Producer::OnRefusal::kFails) {
  Producer producer(request, {}, on_refusal, skip);
  return run(producer, source, 100);
}

/// A source that has each block only when it is asked for the second time.
class LateSource : public BlockSource {
 public:
  explicit LateSource(BlockSource& source) : source_(source) {}
  Read read(const Cid& cid, Slices& into) override {
    is_late_ = !is_late_;
    return is_late_ ? Read::kLater : source_.read(cid, into);
  }

 private:
  BlockSource& source_;
  bool is_late_ = false;
};

/// Holds of `sections` all but the raw leaves that come before number `skip` alone.
MemorySource source_behind(const std::vector<Section>& sections, size_t skip) {
  MemorySource source;
  for (size_t i = 0; i < sections.size(); ++i) {
    if (i >= skip || sections[i].cid.codec() != codec::kRaw) {
      source.add(sections[i].cid, sections[i].body);
    }
  }
  return source;
}

}  // namespace

TEST_CASE("a producer leaves out any number of blocks and needs no leaf of them") {
  size_t requests = 0;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    DagBuilder dag(seed);
    const size_t root = dag.random_dag(static_cast<int>(seed % 4));
    MemorySource source = dag.source();
    for (int round = 0; round < 4; ++round) {
      std::vector<size_t> path_nodes;
      const CarRequest request = dag.random_request(root, path_nodes);
      const std::vector<Section> sections = sections_of(produce(request, source).bytes);
      const size_t step = 1 + sections.size() / 20;
      for (size_t skip = 0; skip < sections.size(); skip += step, ++requests) {
        CAPTURE(skip, request.dups);
        MemorySource part = source_behind(sections, skip);
        LateSource late(part);
        const auto first = sections.begin() + static_cast<ptrdiff_t>(skip);
        const ByteVector wanted = car_of(request.root, {first, sections.end()});
        CHECK(produce_behind(request, part, {.blocks = skip}).bytes == wanted);
        const Answer made = produce_behind(request, late, {skip, sections[skip].cid});
        CHECK(made.complete);
        CHECK(made.bytes == wanted);
      }
    }
  }
  CHECK(requests > 400);
}

TEST_CASE("a producer whose walk goes on otherwise behind the skipped blocks puts out nothing") {
  DagBuilder dag(1);
  const size_t a = dag.raw({1});
  const size_t b = dag.raw({2});
  const CarRequest request{dag.nodes[dag.file({a, b})].cid};
  MemorySource source = dag.source();
  for (const auto on_refusal : {Producer::OnRefusal::kFails, Producer::OnRefusal::kProves}) {
    for (const Skip& skip : {Skip{3, {}}, Skip{4, {}}, Skip{2, dag.nodes[a].cid},
                             Skip{3, dag.nodes[b].cid}, Skip{UINT64_MAX, {}}}) {
      Producer producer(request, {}, on_refusal, skip);
      const Answer answer = run(producer, source);
      CHECK(answer.failure.code == Errc::kNotFound);
      CHECK_FALSE(producer.is_missing_block());
      CHECK(answer.bytes.empty());
    }
  }
  // The walk ends among the skipped blocks, since the path does not exist.
  CarRequest absent = request;
  absent.path = {"x"};
  const auto proves = Producer::OnRefusal::kProves;
  CHECK(produce_behind(absent, source, {.blocks = 1}, proves).failure.code == Errc::kNotFound);
}

TEST_CASE("a skipped block with links must be held") {
  DagBuilder dag(1);
  const size_t inner = dag.file({dag.raw({1}), dag.raw({2})});
  const CarRequest request{dag.nodes[dag.file({inner, dag.raw({3})})].cid};
  const std::vector<Section> sections = [&] {
    MemorySource source = dag.source();
    return sections_of(produce(request, source).bytes);
  }();
  MemorySource source;
  for (const Section& section : sections) {
    if (section.cid != dag.nodes[inner].cid) source.add(section.cid, section.body);
  }
  Producer producer(request, {}, Producer::OnRefusal::kProves, {.blocks = 4});
  const Answer answer = run(producer, source);
  CHECK(answer.failure.code == Errc::kNotFound);
  CHECK(producer.is_missing_block());
  CHECK(producer.wanted() == dag.nodes[inner].cid);
  CHECK(answer.bytes.empty());
}
