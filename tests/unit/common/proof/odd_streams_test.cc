#include "common/proof/verifier.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

CarRequest whole(const DagBuilder& dag, size_t root, bool dups = false) {
  CarRequest request{dag.nodes[root].cid};
  request.dups = dups;
  return request;
}

/// A block that a link may lead to although no walk can read it.
struct Opaque {
  Cid cid;
  ByteVector bytes;
};
Opaque opaque(uint64_t codec, ByteVector bytes) {
  Hasher hasher;
  return {*hasher.cid_of(codec, hash::kSha2_256, bytes), std::move(bytes)};
}
/// A block whose CID has an unknown hash, so that it cannot be verified.
Opaque unverifiable(ByteVector bytes) {
  ByteVector cid{1, codec::kRaw, 0x7e, 20};
  cid.resize(24, 7);
  return {*Cid::from_bytes(cid), std::move(bytes)};
}

/// A directory of `entries`, which the builder need not have made.
Section directory_of(const std::vector<std::pair<std::string, Cid>>& entries) {
  DagBuilder dag(1);
  std::vector<std::pair<std::string, size_t>> placed;
  for (const auto& [name, cid] : entries) {
    DagBuilder::Node node;
    node.cid = cid;
    dag.nodes.push_back(std::move(node));
    placed.emplace_back(name, dag.nodes.size() - 1);
  }
  const size_t root = dag.directory(placed);
  return {dag.nodes[root].cid, dag.nodes[root].bytes};
}

}  // namespace

TEST_CASE("zero bytes after the last section that is needed are padding and no surplus") {
  DagBuilder dag(1);
  const size_t a = dag.raw({1, 2, 3});
  const size_t z = dag.raw({4});
  const size_t root = dag.directory({{"a", a}, {"b", a}, {"z", z}, {"zz", a}});
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  ByteVector padded = stream;
  padded.insert(padded.end(), 5'000, 0);
  CarRequest narrow = whole(dag, root);
  narrow.path = {"z"};
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    // With dups=y the stream leaves repeats out, and the last repeat comes after all sections.
    for (const bool dups : {false, true}) {
      for (const size_t piece : {size_t{1}, size_t{7}, size_t{1} << 20}) {
        const Answer answer = verify_in_pieces(whole(dag, root, dups), shape, padded, piece);
        CAPTURE(static_cast<int>(shape), dups, piece, answer.failure.text());
        CHECK(answer.complete);
        CHECK(answer.surplus == 0);
        CHECK(answer.bytes == verify(whole(dag, root, dups), shape, stream).bytes);
      }
    }
  }
  CHECK(verify(narrow, StreamShape::kWholeDag, padded).complete);

  ByteVector more = padded;
  more.push_back(1);
  more.push_back(0);
  const Answer surplus = verify(whole(dag, root), StreamShape::kExact, more);
  CHECK(surplus.surplus == 2);
}

TEST_CASE("an empty section before the last one that is needed is refused") {
  DagBuilder dag(1);
  const size_t root = dag.directory({{"a", dag.raw({1, 2, 3})}});
  MemorySource source = dag.source();
  const ByteVector stream = produce(whole(dag, root), source).bytes;
  const size_t last = stream.size() - (1 + 36 + 3);
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    for (const bool dups : {false, true}) {
      ByteVector odd = stream;
      odd.insert(odd.begin() + static_cast<long>(last), 0);
      const Answer answer = verify(whole(dag, root, dups), shape, odd);
      CHECK_FALSE(answer.complete);
      CHECK_FALSE(answer.content_fault);
      CHECK(answer.failure.code == Errc::kMalformed);
    }
  }
}

TEST_CASE("a root of an unknown codec is served where no block below it is asked for") {
  for (const uint64_t codec : {uint64_t{0x85}, uint64_t{0x72}}) {  // dag-jose, libp2p-key
    const Opaque j = opaque(codec, {1, 2, 3});
    const ByteVector stream = car_of(j.cid, {{j.cid, j.bytes}});
    for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
      CarRequest raw{j.cid};
      raw.format = AnswerFormat::kRaw;
      const Answer block = verify_in_pieces(raw, shape, stream, 1);
      CHECK(block.complete);
      CHECK(block.bytes == j.bytes);
      for (const DagScope scope : {DagScope::kBlock, DagScope::kEntity}) {
        CarRequest request{j.cid};
        request.scope = scope;
        CHECK(verify(request, shape, stream).bytes == stream);
      }
      CHECK(verify(CarRequest{j.cid}, shape, stream).content_fault);
      // The L2 may send blocks below the root too.
      const Opaque below = opaque(codec::kRaw, {9});
      CHECK(
          verify(raw, shape, car_of(j.cid, {{j.cid, j.bytes}, {below.cid, below.bytes}})).complete);
    }
  }
}

TEST_CASE("the part of a whole DAG that is not asked for may be unreadable") {
  const ByteVector one{1};
  const ByteVector two{2};
  const Cid a = opaque(codec::kRaw, one).cid;
  const Cid z = opaque(codec::kRaw, two).cid;
  const Cid zz = opaque(codec::kRaw, {7}).cid;
  const Opaque below = opaque(codec::kRaw, {8});
  const Opaque garbage = opaque(codec::kDagPb, {0xff, 0xff, 0xff});
  for (const Opaque& odd :
       {opaque(0x85, {3, 4}), unverifiable({5, 6}), garbage, opaque(codec::kDagCbor, {0xff})}) {
    const Section d = directory_of({{"a", a}, {"odd", odd.cid}, {"z", z}});
    const Section outer = directory_of({{"d", d.cid}, {"zz", zz}});
    struct Case {
      std::vector<std::string> path;
      std::vector<Section> needed;
    };
    const std::vector<Case> cases{
        {{"d", "a"}, {outer, d, {a, one}}},
        {{"d", "z"}, {outer, d, {z, two}}},
        {{"zz"}, {outer, {zz, {7}}}},
    };
    const bool is_garbage = odd.cid.codec() == codec::kDagPb || odd.cid.codec() == codec::kDagCbor;
    for (const bool sends_odd : {true, false}) {
      if (is_garbage && !sends_odd) continue;  // An L2 that lacks a block cuts its delivery.
      std::vector<Section> sections{outer, d, {a, one}};
      if (sends_odd) {
        sections.push_back({odd.cid, odd.bytes});
        sections.push_back({below.cid, below.bytes});
      }
      sections.push_back({z, two});
      sections.push_back({zz, {7}});
      const ByteVector stream = car_of(outer.cid, sections);
      for (const Case& is : cases) {
        CarRequest request{outer.cid};
        request.path = is.path;
        for (const size_t piece : {size_t{1}, size_t{1} << 20}) {
          const Answer answer = verify_in_pieces(request, StreamShape::kWholeDag, stream, piece);
          CAPTURE(odd.cid.text(), sends_odd, is.path.back(), piece, answer.failure.text());
          CHECK(answer.complete);
          CHECK(answer.bytes == car_of(outer.cid, is.needed));
        }
      }
    }
  }
}

TEST_CASE("a block that came below an unreadable node is used where it is needed later") {
  const Cid shared = opaque(codec::kRaw, {1}).cid;
  const Cid z = opaque(codec::kRaw, {2}).cid;
  const Opaque odd = opaque(0x85, {3, 4});
  const Section sub = directory_of({{"shared", shared}});
  const Section d = directory_of({{"odd", odd.cid}, {"s", shared}, {"sub", sub.cid}, {"z", z}});
  // Below `odd` lie `sub` and `shared`; an L2 that can read it sends them there and nowhere else.
  const ByteVector stream = car_of(d.cid, {d, {odd.cid, odd.bytes}, sub, {shared, {1}}, {z, {2}}});
  const auto answer_to = [&](std::vector<std::string> path) {
    CarRequest request{d.cid};
    request.path = std::move(path);
    return verify(request, StreamShape::kWholeDag, stream);
  };
  CHECK(answer_to({"z"}).bytes == car_of(d.cid, {d, {z, {2}}}));
  CHECK(answer_to({"s"}).bytes == car_of(d.cid, {d, {shared, {1}}}));
  CHECK(answer_to({"sub", "shared"}).bytes == car_of(d.cid, {d, sub, {shared, {1}}}));
}

TEST_CASE("unreadable sections are passed over within a bound, and beyond it is nobody's fault") {
  const Opaque odd = opaque(0x85, ByteVector(1'000, 3));
  const Cid z = opaque(codec::kRaw, {2}).cid;
  const Section d = directory_of({{"odd", odd.cid}, {"z", z}});
  const ByteVector stream = car_of(d.cid, {d, {odd.cid, odd.bytes}, {z, {2}}});
  CarRequest request{d.cid};
  request.path = {"z"};
  WalkBudget budget;
  budget.repeat_bytes_max = 1'000 + odd.cid.bytes().size();
  CHECK(verify(request, StreamShape::kWholeDag, stream, {}, budget).complete);
  --budget.repeat_bytes_max;
  const Answer answer = verify(request, StreamShape::kWholeDag, stream, {}, budget);
  CHECK_FALSE(answer.complete);
  CHECK(answer.fault == Fault::kNobody);
}

TEST_CASE("a block beyond 2 MiB is passed over where the output does not need it") {
  const Opaque large = opaque(codec::kRaw, ByteVector(limits::kBlockBytesMax + 1, 3));
  const Cid z = opaque(codec::kRaw, {2}).cid;
  const Section d = directory_of({{"a", large.cid}, {"b", large.cid}, {"z", z}});
  const ByteVector stream = car_of(d.cid, {d, {large.cid, large.bytes}, {z, {2}}});
  CarRequest request{d.cid};
  request.path = {"z"};
  WalkBudget budget;
  budget.repeat_bytes_max = large.bytes.size() + large.cid.bytes().size();
  CHECK(verify(request, StreamShape::kWholeDag, stream, {}, budget).complete);
  for (const size_t piece : {size_t{1'000}, size_t{1} << 30}) {
    const Answer answer = verify_in_pieces(request, StreamShape::kWholeDag, stream, piece);
    CAPTURE(answer.failure.text());
    CHECK(answer.complete);
    CHECK(answer.bytes == car_of(d.cid, {d, {z, {2}}}));
  }
  --budget.repeat_bytes_max;
  CHECK(verify(request, StreamShape::kWholeDag, stream, {}, budget).fault == Fault::kNobody);
  CHECK(verify(request, StreamShape::kExact, stream).fault == Fault::kStream);

  for (const std::vector<std::string>& path : {std::vector<std::string>{}, {"b"}}) {
    request.path = path;
    const Answer needed = verify(request, StreamShape::kWholeDag, stream);
    CHECK(needed.failure.code == Errc::kTooLarge);
    CHECK(needed.fault == Fault::kStream);
  }
  // Below a node that cannot be read, too.
  const Opaque odd = opaque(0x85, {3, 4});
  const Section outer = directory_of({{"odd", odd.cid}, {"z", z}});
  request.root = outer.cid;
  request.path = {"z"};
  const ByteVector below =
      car_of(outer.cid, {outer, {odd.cid, odd.bytes}, {large.cid, large.bytes}, {z, {2}}});
  CHECK(verify(request, StreamShape::kWholeDag, below).complete);
}

TEST_CASE("a whole DAG beyond our budgets is nobody's fault where a part was asked for") {
  DagBuilder dag(1);
  std::vector<size_t> leaves;
  for (uint32_t i = 0; i < 2'000; ++i) {
    leaves.push_back(dag.raw({static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)}));
  }
  size_t chain = leaves[0];
  for (int i = 0; i < 20; ++i) chain = dag.file({chain});
  const size_t z = dag.raw({9, 9, 9});
  MemorySource source;
  const auto answer_to = [&](size_t sibling, const WalkBudget& budget) {
    const size_t root = dag.directory({{"big", sibling}, {"z", z}});
    source = dag.source();
    CarRequest request{dag.nodes[root].cid};
    request.path = {"z"};
    const ByteVector stream = produce(whole(dag, root), source).bytes;
    const Answer answer = verify(request, StreamShape::kWholeDag, stream, {}, budget);
    if (answer.complete) CHECK(answer.bytes == produce(request, source).bytes);
    return answer;
  };
  WalkBudget budget;
  budget.depth_max = 10;  // Deeper nodes are passed over.
  CHECK(answer_to(chain, budget).complete);
  budget = {};
  budget.pending_bytes_max = 50'000;
  CHECK(answer_to(dag.file(leaves), budget).complete);
  budget = {};
  budget.seen_bytes_max = 20'000;
  CHECK(answer_to(dag.file(leaves), budget).fault == Fault::kNobody);
}

TEST_CASE("wrong bytes are a lie wherever they come, and so are blocks that are not of the DAG") {
  const Opaque odd = opaque(0x85, {3, 4});
  const Opaque foreign = opaque(codec::kRaw, {5});
  const Cid z = opaque(codec::kRaw, {2}).cid;
  const Section d = directory_of({{"odd", odd.cid}, {"z", z}});
  const Section plain = directory_of({{"z", z}});
  CarRequest request{d.cid};
  request.path = {"z"};
  const Answer wrong =
      verify(request, StreamShape::kWholeDag, car_of(d.cid, {d, {odd.cid, {6, 6}}, {z, {2}}}));
  CHECK(wrong.failure.code == Errc::kHashMismatch);
  CHECK(wrong.fault == Fault::kStream);
  // The whole of this DAG can be read, so the stream may hold no other block.
  request.root = plain.cid;
  const Answer odd_one = verify(request, StreamShape::kWholeDag,
                                car_of(plain.cid, {plain, {foreign.cid, foreign.bytes}, {z, {2}}}));
  CHECK(odd_one.failure.code == Errc::kUnexpected);
  CHECK(odd_one.fault == Fault::kStream);
}

TEST_CASE("a request is refused with the same error whichever L2 sends the blocks that prove it") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1});
  const size_t sub = dag.directory({{"leaf", leaf}});
  const Opaque jose = opaque(0x85, {3, 4});
  DagBuilder::Node node;
  node.cid = jose.cid;
  node.bytes = jose.bytes;
  dag.nodes.push_back(node);
  const size_t j = dag.nodes.size() - 1;
  size_t chain = leaf;
  for (int i = 0; i < 30; ++i) chain = dag.file({chain});
  const size_t root = dag.directory({{"chain", chain}, {"j", j}, {"sub", sub}});
  MemorySource source = dag.source();
  WalkBudget budget;
  budget.depth_max = 20;
  struct Case {
    std::vector<std::string> path;
    Errc code;
    size_t blocks;  ///< Blocks that the client has got before.
    DagScope scope = DagScope::kAll;
  };
  const std::vector<Case> cases{{{"favicon.ico"}, Errc::kNotFound, 0},
                                {{}, Errc::kUnsupported, 0},
                                {{"j"}, Errc::kUnsupported, 0},
                                {{"j", "x"}, Errc::kUnsupported, 0, DagScope::kBlock},
                                {{"chain"}, Errc::kTooLarge, 19}};
  std::vector<Section> all;
  for (const auto& each : dag.nodes) all.push_back({each.cid, each.bytes});
  // A whole DAG, depth-first: root, chain from its top, leaf, j, sub.
  std::vector<Section> whole_dag{all[root]};
  for (size_t at = root - 1; at > j; --at) whole_dag.push_back(all[at]);
  for (const size_t at : {leaf, j, sub}) whole_dag.push_back(all[at]);
  for (const Case& is : cases) {
    CarRequest request = whole(dag, root);
    request.path = is.path;
    request.scope = is.scope;
    CAPTURE(is.path.size(), static_cast<int>(is.code));
    const Answer sent = produce(request, source, 1'000, {}, Producer::OnRefusal::kProves);
    const Answer exact = verify(request, StreamShape::kExact, sent.bytes, {}, budget);
    const Answer legacy =
        verify(request, StreamShape::kWholeDag, car_of(all[root].cid, whole_dag), {}, budget);
    for (const Answer& answer : {exact, legacy}) {
      CHECK_FALSE(answer.complete);
      CHECK(answer.content_fault);
      CHECK(answer.failure.code == is.code);
      CHECK((answer.bytes.empty() ? 0 : sections_of(answer.bytes).size()) == is.blocks);
    }
    CHECK(exact.bytes == legacy.bytes);
  }
}
