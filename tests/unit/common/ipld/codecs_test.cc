#include <catch2/catch.hpp>
#include <string_view>

#include "common/ipld/dag_cbor.h"
#include "common/ipld/dag_json.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/hamt.h"
#include "common/ipld/unixfs.h"
#include "tests/unit/common/proof/dag_builder.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

ByteVector from_hex(std::string_view hex) {
  ByteVector bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

/// The number of links in the block, or -1 where the block is malformed.
template <class Reader>
int links_of(Bytes block) {
  Reader reader(block);
  int links = 0;
  typename Reader::Item item = reader.next();
  for (; item == Reader::Item::kLink; item = reader.next()) ++links;
  CHECK(reader.next() == item);
  return item == Reader::Item::kEnd ? links : -1;
}

int cbor(std::string_view hex) {
  return links_of<DagCborReader>(from_hex(hex));
}
int json(std::string_view text) {
  return links_of<DagJsonReader>(as_bytes(text));
}

const std::string kCidHex = "01551220" + std::string(64, 'a');
const std::string kCborLink = "d82a582500" + kCidHex;

std::string json_link() {
  const Result<Cid> cid = Cid::from_bytes(from_hex(kCidHex));
  REQUIRE(cid.has_value());
  return "{\"/\":\"" + cid->text() + "\"}";
}

}  // namespace

TEST_CASE("dag-pb is read in encoded order with data before or after the links") {
  const std::string link = "12290a24" + kCidHex + "120161";
  for (const std::string& hex : {link + link + "0a0178", "0a0178" + link + link}) {
    const ByteVector block = from_hex(hex);
    const std::optional<DagPbNode> node = read_dag_pb(block);
    REQUIRE(node.has_value());
    CHECK(node->links == 2);
    CHECK(as_text(node->data.value()) == "x");
  }
  CHECK(read_dag_pb({}).has_value());
  // Data among the links, data twice, a link without a CID, an unknown field, fields out of order.
  CHECK_FALSE(read_dag_pb(from_hex(link + "0a0178" + link)));
  CHECK_FALSE(read_dag_pb(from_hex("0a01780a0178")));
  CHECK_FALSE(read_dag_pb(from_hex("1203120161")));
  CHECK_FALSE(read_dag_pb(from_hex("1a0178")));
  CHECK_FALSE(read_dag_pb(from_hex("12290120610a24" + kCidHex)));
  CHECK_FALSE(
      read_dag_pb(from_hex("122912016"
                           "10a24" +
                           kCidHex)));
}

TEST_CASE("a dag-pb block that is cut anywhere does not decode") {
  const ByteVector whole = from_hex("12290a24" + kCidHex + "1201610a0178");
  for (size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    const bool is_whole_field = size == 43;
    CHECK(read_dag_pb(Bytes(whole).first(size)).has_value() == is_whole_field);
  }
}

TEST_CASE("a plain dag-pb leaf shows in its first bytes however it is cut") {
  DagBuilder dag(1);
  const size_t leaf = dag.file({}, ByteVector(300, 'x'));
  const size_t inner = dag.file({leaf});
  for (const auto& [node, is_leaf] : {std::pair{leaf, true}, std::pair{inner, false}}) {
    const ByteVector& bytes = dag.nodes[node].bytes;
    for (size_t cut = 0; cut <= std::min<size_t>(8, bytes.size()); ++cut) {
      const Slices slices{Slice::copy_of(Bytes(bytes).first(cut)),
                          Slice::copy_of(Bytes(bytes).subspan(cut))};
      CHECK(is_plain_dag_pb_leaf(slices) == is_leaf);
    }
  }
  for (const char* hex : {"", "0a", "0a80", "0a0278", "0a017800", "0aff", "0affffffffff7f"}) {
    CAPTURE(hex);
    CHECK_FALSE(is_plain_dag_pb_leaf(Slices{Slice::copy_of(from_hex(hex))}));
  }
}

TEST_CASE("UnixFS is read with plain and packed blocksizes and sums that overflow") {
  const ByteVector plain = from_hex("0802180320012002");
  const ByteVector packed = from_hex("0802180322020102");
  for (const ByteVector& message : {plain, packed}) {
    const std::optional<UnixFs> unixfs = read_unixfs(message);
    REQUIRE(unixfs.has_value());
    CHECK(unixfs->is_file());
    CHECK(unixfs->filesize == 3);
    CHECK(unixfs->blocksizes == 2);
    CHECK(unixfs->blocksizes_total == 3);
    BlocksizeReader sizes(unixfs->message);
    CHECK(sizes.next() == 1);
    CHECK(sizes.next() == 2);
    CHECK_FALSE(sizes.next().has_value());
  }
  const auto huge = read_unixfs(from_hex("080220ffffffffffffffffff012001"));
  REQUIRE(huge.has_value());
  CHECK(huge->blocksizes == 2);
  CHECK_FALSE(huge->blocksizes_total.has_value());
  CHECK_FALSE(read_unixfs({}).has_value());                    // no type
  CHECK_FALSE(read_unixfs(from_hex("0806")).has_value());      // no such type
  CHECK_FALSE(read_unixfs(from_hex("0a0102")).has_value());    // type of the wrong wire type
  CHECK_FALSE(read_unixfs(from_hex("080212")).has_value());    // cut
  CHECK(read_unixfs(from_hex("080138a4034206089ce2e1ab06")));  // mode and mtime
}

TEST_CASE("murmur3 and the HAMT index are those of the known implementations") {
  CHECK(murmur3_x64_64({}) == 0);
  // Reference: MurmurHash3_x64_128 of these texts, seed 0, first 64 bits.
  CHECK(murmur3_x64_64(as_bytes("hello")) == 0xcbd8a7b341bd9b02);
  CHECK(murmur3_x64_64(as_bytes("hello, world")) == 0x342fac623a5ebc8e);
  CHECK(murmur3_x64_64(as_bytes("19 Jan 2038 at 3:14:07 AM")) == 0xb89e5988b737affc);
  CHECK(murmur3_x64_64(as_bytes("The quick brown fox jumps over the lazy dog.")) ==
        0xcd99481f9ee902c9);
  CHECK(hamt_index("hello", 0, 8) == 0xcb);
  CHECK(hamt_index("hello", 8, 8) == 0xd8);
  CHECK(hamt_index("hello", 56, 8) == 0x02);
  CHECK_FALSE(hamt_index("hello", 57, 8).has_value());
}

TEST_CASE("a HAMT shard is checked before and while it is read") {
  DagBuilder dag(1);
  const size_t leaf = dag.raw({1});
  const size_t root = dag.hamt({{"a", leaf}, {"b", leaf}, {"c", leaf}}, 8);
  const DagBuilder::Node& shard = dag.nodes[root];
  const std::optional<DagPbNode> node = read_dag_pb(shard.bytes);
  REQUIRE(node.has_value());
  std::optional<UnixFs> unixfs = read_unixfs(node->data.value());
  REQUIRE(unixfs.has_value());
  REQUIRE(read_hamt_shard(*unixfs, 3).has_value());
  CHECK_FALSE(read_hamt_shard(*unixfs, 2).has_value());
  for (const uint64_t fanout : {0, 1, 3, 4, 128, 2048}) {
    UnixFs other = *unixfs;
    other.fanout = fanout;
    CAPTURE(fanout);
    CHECK_FALSE(read_hamt_shard(other, 3).has_value());
  }
  UnixFs other = *unixfs;
  other.hash_type = 0x12;
  CHECK_FALSE(read_hamt_shard(other, 3).has_value());
  other = *unixfs;
  other.type = UnixFs::Type::kDirectory;
  CHECK_FALSE(read_hamt_shard(other, 3).has_value());

  // The name of a link does not begin with the prefix of its bit.
  ByteVector bad = shard.bytes;
  const std::string_view text = as_text(bad);
  const size_t name_at = text.find("\x12\x03") + 2;
  bad[name_at] = bad[name_at] == '0' ? '1' : '0';
  HamtReader reader(*read_hamt_shard(*unixfs, 3), bad);
  HamtReader::Item item = reader.next();
  while (item == HamtReader::Item::kChild) item = reader.next();
  CHECK(item == HamtReader::Item::kMalformed);
}

TEST_CASE("dag-cbor links are found in encoded order and malformed blocks are refused") {
  CHECK(cbor("00") == 0);
  CHECK(cbor(kCborLink) == 1);
  CHECK(cbor("82" + kCborLink +
             "a2616280"
             "6161" +
             kCborLink) == 2);
  CHECK(cbor("83f4f5f6") == 0);
  CHECK(cbor("fb3ff0000000000000") == 0);
  CHECK(cbor("1a00000001") == 0);  // longer than needed
  CHECK(cbor("") == -1);           // nothing
  CHECK(cbor("0000") == -1);       // more than one value
  CHECK(cbor("8200") == -1);       // cut
  CHECK(cbor("a10000") == -1);     // a key that is no text
  CHECK(cbor("9f00ff") == -1);     // indefinite length
  CHECK(cbor("7f6161ff") == -1);
  CHECK(cbor("c100") == -1);                // another tag
  CHECK(cbor("d82a00") == -1);              // tag 42 of a number
  CHECK(cbor("d82a4101") == -1);            // without the prefix byte
  CHECK(cbor("f7") == -1);                  // undefined
  CHECK(cbor("9bffffffffffffffff") == -1);  // a claim of 2^64 - 1 items
  CHECK(cbor("bb7fffffffffffffff") == -1);
  CHECK(cbor("5bffffffffffffffff00") == -1);
  const ByteVector whole = from_hex("82" + kCborLink + kCborLink);
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(links_of<DagCborReader>(Bytes(whole).first(size)) == -1);
  }
}

TEST_CASE("nesting is bounded in dag-cbor and dag-json without using the stack") {
  const auto nested = [](size_t depth, uint8_t open) { return ByteVector(depth, open); };
  ByteVector block = nested(limits::kNodeNestingMax, 0x81);
  block.push_back(0);
  CHECK(links_of<DagCborReader>(block) == 0);
  block.insert(block.begin(), 0x81);
  DagCborReader deep(block);
  CHECK(deep.next() == DagCborReader::Item::kTooDeep);

  for (const char open : {'[', '{'}) {
    std::string text;
    for (size_t i = 0; i < 1'000'000; ++i) text += open == '[' ? "[" : "{\"a\":";
    DagJsonReader reader(as_bytes(text));
    CHECK(reader.next() == DagJsonReader::Item::kTooDeep);
  }
}

TEST_CASE("a path leads through dag-cbor maps and lists to a link or a value") {
  // {"b": [link, 5], "a": link, "b": 1}
  const ByteVector block = from_hex("a3616282" + kCborLink + "056161" + kCborLink + "616201");
  using Kind = NodeLookup::Kind;
  const auto look = [&block](const std::vector<std::string>& path) {
    return dag_cbor_lookup(block, path);
  };
  CHECK(look({"a"}).kind == Kind::kLink);
  CHECK(look({"a"}).used == 1);
  CHECK(look({"a", "more"}).kind == Kind::kLink);
  CHECK(look({"a", "more"}).used == 1);
  CHECK(look({"b", "0"}).kind == Kind::kLink);  // The first key that matches.
  CHECK(look({"b", "0"}).cid == from_hex(kCidHex));
  CHECK(look({"b", "1"}).kind == Kind::kValue);
  CHECK(look({"b"}).kind == Kind::kValue);
  CHECK(look({"b", "2"}).kind == Kind::kMissing);
  CHECK(look({"b", "00"}).kind == Kind::kMissing);
  CHECK(look({"b", "-1"}).kind == Kind::kMissing);
  CHECK(look({"b", "18446744073709551616"}).kind == Kind::kMissing);
  CHECK(look({"b", "1", "x"}).kind == Kind::kMissing);
  CHECK(look({"c"}).kind == Kind::kMissing);
  CHECK(dag_cbor_lookup(from_hex("81"), {}).kind == Kind::kMalformed);
}

TEST_CASE("dag-json links are found in encoded order and malformed blocks are refused") {
  const std::string link = json_link();
  CHECK(json("1") == 0);
  CHECK(json(link) == 1);
  CHECK(json(" { \"b\" : [ " + link + " , 1 ] , \"a\" : " + link + " } \n") == 2);
  CHECK(json("{\"/\":{\"bytes\":\"AQ\"}}") == 0);
  CHECK(json("{\"\\u002f\":" + link.substr(5)) == 1);
  CHECK(json("[true,false,null,-1.5e+10,0,\"\\u00e9\\n\"]") == 0);
  CHECK(json("{}") == 0);
  CHECK(json("[]") == 0);
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[1,]",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{a:1}",
                          "{\"a\":1,}",
                          "01",
                          "1.",
                          "1e",
                          "-",
                          "+1",
                          "nul",
                          "\"\\x\"",
                          "\"\\u12g4\"",
                          "\"a",
                          "\"\n\"",
                          "1 1",
                          "]",
                          "[}",
                          "{\"/\":\"not a cid\"}"}) {
    CAPTURE(bad);
    CHECK(json(bad) == -1);
  }
  const std::string whole = "[" + link + ",{\"a\":" + link + "}]";
  for (size_t size = 0; size < whole.size(); ++size) CHECK(json(whole.substr(0, size)) == -1);
}

TEST_CASE("a path leads through dag-json maps and lists to a link or a value") {
  const std::string link = json_link();
  const std::string text =
      "{\"b\\n\":[{\"x\":[]}, " + link + ",5],\"a\":" + link + ",\"a\":1,\"e\":{}}";
  using Kind = NodeLookup::Kind;
  const auto look = [&text](const std::vector<std::string>& path) {
    return dag_json_lookup(as_bytes(text), path);
  };
  CHECK(look({"a"}).kind == Kind::kLink);
  CHECK(look({"a", "x"}).used == 1);
  CHECK(look({"b\n", "1"}).cid == from_hex(kCidHex));
  CHECK(look({"b\n", "2"}).kind == Kind::kValue);
  CHECK(look({"b\n", "3"}).kind == Kind::kMissing);
  CHECK(look({"b\n", "0", "x"}).kind == Kind::kValue);
  CHECK(look({"b\n", "0", "x", "0"}).kind == Kind::kMissing);
  CHECK(look({"e", "x"}).kind == Kind::kMissing);
  CHECK(look({"b"}).kind == Kind::kMissing);
  CHECK(dag_json_lookup(as_bytes("{"), {}).kind == Kind::kMalformed);
  CHECK(unescaped_json("\\ud83d\\ude00\\/\\\"") == "\xf0\x9f\x98\x80/\"");
}
