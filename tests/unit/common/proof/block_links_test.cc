#include "common/proof/block_links.h"

#include <catch2/catch.hpp>

#include "common/ipld/multihash_key.h"
#include "tests/fakes/cached_files.h"
#include "tests/unit/common/proof/dag_builder.h"

/// The links of one block, which the broker is told of for clients that walk block by block.
namespace daphnis::test {
namespace {

std::vector<uint64_t> keys_in(const DagBuilder& dag, size_t node) {
  const Slice block = Slice::copy_of(dag.nodes[node].bytes);
  return keys_of_links(dag.nodes[node].cid.codec(), {&block, 1});
}

std::vector<uint64_t> keys_of(const DagBuilder& dag, const std::vector<size_t>& nodes) {
  std::vector<uint64_t> keys;
  for (const size_t node : nodes) keys.push_back(key_of_multihash(dag.nodes[node].cid));
  return keys;
}

/// What a verifier of this request says of links, before and after the whole stream has come.
std::vector<uint64_t> links_of(const CarRequest& request, StreamShape shape, Bytes stream) {
  Verifier verifier(request, shape);
  CHECK(verifier.take_links().empty());
  Slices out;
  CHECK(verifier.on_bytes(Slice::copy_of(stream), out) == Verifier::State::kComplete);
  auto links = verifier.take_links();
  CHECK(verifier.take_links().empty());
  return links;
}

}  // namespace

TEST_CASE("the links of a block are named in encoded order, whatever its codec", "[proof][links]") {
  DagBuilder dag(1);
  const size_t a = dag.raw({1});
  const size_t b = dag.raw({2});
  const size_t file = dag.file({a, b});
  const size_t folder = dag.directory({{"b", b}, {"file", file}});
  const size_t cbor = dag.dag_cbor({{folder}, {a}});
  CHECK(keys_in(dag, file) == keys_of(dag, {a, b}));
  CHECK(keys_in(dag, folder) == keys_of(dag, {b, file}));
  CHECK(keys_in(dag, cbor) == keys_of(dag, {folder, a}));
  CHECK(keys_in(dag, a).empty());
  const std::string json = R"({"x":{"/":")" + dag.nodes[b].cid.text() + R"("}})";
  const Slice block = Slice::copy_of(as_bytes(json));
  CHECK(keys_of_links(codec::kDagJson, {&block, 1}) == keys_of(dag, {b}));
}

TEST_CASE("a block in many slices has the links of one in one", "[proof][links]") {
  DagBuilder dag(1);
  const size_t a = dag.raw({1});
  const size_t file = dag.file({a, dag.raw({2})});
  Slices pieces;
  for (const uint8_t byte : dag.nodes[file].bytes) {
    pieces.push_back(Slice::copy_of(Bytes(&byte, 1)));
  }
  CHECK(keys_of_links(codec::kDagPb, pieces) == keys_in(dag, file));
}

TEST_CASE("no links are named of a block that does not decode", "[proof][links]") {
  const std::vector<uint8_t> odd = {0x12, 0x7f, 0x01};
  const Slice block = Slice::copy_of(odd);
  for (const uint64_t codec : {codec::kDagPb, codec::kDagCbor, codec::kDagJson}) {
    CHECK(keys_of_links(codec, {&block, 1}).empty());
  }
  CHECK(keys_of_links(codec::kDagPb, {}).empty());
}

TEST_CASE("of a block with very many links the first ones are named", "[proof][links]") {
  std::vector<Block> children;
  for (size_t i = 0; i < kBlockLinksMax + 10; ++i) {
    children.push_back(raw_block({static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)}));
  }
  const Slice block = Slice::copy_of(parent_of(children).data);
  const auto keys = keys_of_links(codec::kDagPb, {&block, 1});
  REQUIRE(keys.size() == kBlockLinksMax);
  CHECK(keys.front() == key_of_multihash(children.front().cid));
  CHECK(keys.back() == key_of_multihash(children[kBlockLinksMax - 1].cid));
}

TEST_CASE("a verifier gives the links of the one block that a request is for", "[proof][links]") {
  DagBuilder dag(1);
  const size_t a = dag.raw({1});
  const size_t file = dag.file({a, dag.raw({2})});
  const size_t folder = dag.directory({{"file", file}});
  MemorySource source = dag.source();
  const ByteVector whole = produce({.root = dag.nodes[folder].cid}, source).bytes;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    CarRequest request{.root = dag.nodes[folder].cid, .scope = DagScope::kBlock};
    const auto stream = [&] {
      return shape == StreamShape::kExact ? produce(request, source).bytes : whole;
    };
    CHECK(links_of(request, shape, stream()) == keys_in(dag, folder));
    request.path = {"file"};
    CHECK(links_of(request, shape, stream()) == keys_in(dag, file));
    request.scope = DagScope::kAll;
    CHECK(links_of(request, shape, stream()).empty());
  }
  const CarRequest raw{.root = dag.nodes[folder].cid, .format = AnswerFormat::kRaw};
  CHECK(links_of(raw, StreamShape::kWholeDag, whole) == keys_in(dag, folder));
}

}  // namespace daphnis::test
