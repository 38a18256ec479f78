#include "broker/cache/block_index.h"

#include <catch2/catch.hpp>

#include <random>

#include "common/ipld/hashes.h"
#include "tests/unit/broker/cid_number.h"

namespace daphnis::broker {
namespace {

constexpr Uuid kSecret{7};

RequestKey file_number(uint64_t n) {
  return key_of(CarRequest{.root = cid_number(n)});
}

/// `count` keys that no other call with another seed gives.
std::vector<BlockKey> blocks_of(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::vector<BlockKey> blocks(count);
  for (BlockKey& block : blocks) block = BlockKey{random()};
  return blocks;
}

/// How many of the blocks are known to lie in the file.
size_t known(const BlockIndex& index, const std::vector<BlockKey>& blocks, uint64_t file) {
  size_t found = 0;
  for (const BlockKey block : blocks) found += index.find(block) == file_number(file) ? 1 : 0;
  return found;
}

/// The trailer of a file for `request` that lists the blocks of these numbers.
std::vector<uint8_t> trailer_of(const CarRequest& request, const std::vector<uint64_t>& numbers) {
  CacheTrailerWriter writer;
  const std::vector<uint8_t> body(10 * numbers.size());
  writer.add_body(body);
  for (size_t i = 0; i < numbers.size(); ++i) writer.add_block(cid_number(numbers[i]), 10 * i, 10);
  return std::move(writer).finish(request);
}

Result<std::vector<BlockKey>> keys_in(const std::vector<uint8_t>& trailer, size_t body_bytes,
                                      const RequestKey& key) {
  const auto footer =
      read_cache_footer(Bytes(trailer).last(kCacheFooterBytes), trailer.size() + body_bytes);
  REQUIRE(footer);
  return block_keys_of(trailer, *footer, key, kSecret);
}

}  // namespace

TEST_CASE("each block of many files is found in its file", "[broker][cache]") {
  BlockIndex index(100'000);
  size_t blocks = 0;
  for (uint64_t n = 1; n <= 60; ++n) {
    index.add(file_number(n), static_cast<uint32_t>(n), blocks_of(n, 10 * n));
    blocks += 10 * n;
  }
  CHECK(index.blocks() == blocks);
  CHECK(index.files() == 60);
  for (uint64_t n = 1; n <= 60; ++n) CHECK(known(index, blocks_of(n, 10 * n), n) == 10 * n);
  CHECK(known(index, blocks_of(61, 1'000), 1) == 0);
}

TEST_CASE("a file may bring its blocks in parts", "[broker][cache]") {
  BlockIndex index(1'000);
  const auto blocks = blocks_of(1, 100);
  index.add(file_number(1), 5, std::span(blocks).first(60));
  index.add(file_number(1), 5, std::span(blocks).subspan(60));
  index.add(file_number(1), 5, blocks);  // The same ones again change nothing.
  CHECK(index.blocks() == 100);
  CHECK(known(index, blocks, 1) == 100);
}

TEST_CASE("the blocks of a file that is gone are not found", "[broker][cache]") {
  BlockIndex index(10'000);
  index.add(file_number(1), 5, blocks_of(1, 100));
  index.add(file_number(2), 5, blocks_of(2, 100));
  index.forget(file_number(1));
  index.forget(file_number(3));
  CHECK_FALSE(index.knows(file_number(1)));
  CHECK(index.blocks() == 100);
  for (const BlockKey block : blocks_of(1, 100)) CHECK_FALSE(index.find(block));
  CHECK(known(index, blocks_of(2, 100), 2) == 100);
  // It may come back.
  index.add(file_number(1), 6, blocks_of(1, 100));
  CHECK(known(index, blocks_of(1, 100), 1) == 100);
}

TEST_CASE("a block of several files is known by the one that was stored last", "[broker][cache]") {
  BlockIndex index(10'000);
  const auto shared = blocks_of(1, 50);
  index.add(file_number(1), 5, shared);
  index.add(file_number(2), 6, shared);
  CHECK(known(index, shared, 2) == 50);
  index.add(file_number(3), 4, shared);
  CHECK(known(index, shared, 2) == 50);
  CHECK(index.blocks() == 50);
  index.forget(file_number(1));
  CHECK(index.blocks() == 50);
  index.forget(file_number(2));
  CHECK(index.blocks() == 0);
}

TEST_CASE("a block that its file turned out to lack is forgotten alone", "[broker][cache]") {
  BlockIndex index(10'000);
  const auto blocks = blocks_of(1, 50);
  index.add(file_number(1), 5, blocks);
  index.forget(blocks[7]);
  index.forget(blocks[7]);
  CHECK_FALSE(index.find(blocks[7]));
  CHECK(index.blocks() == 49);
  CHECK(known(index, blocks, 1) == 49);
  index.add(file_number(2), 5, std::span(blocks).subspan(7, 1));
  CHECK(index.find(blocks[7]) == file_number(2));
}

TEST_CASE("where no space is left the files that were stored first go", "[broker][cache]") {
  // Each file takes 93 blocks and 7 for itself.
  BlockIndex index(1'000);
  for (uint64_t n = 1; n <= 10; ++n) {
    index.add(file_number(n), static_cast<uint32_t>(100 + n), blocks_of(n, 93));
  }
  CHECK(index.files() == 10);
  SECTION("a later file gets in") {
    CHECK(index.has_space(200));
    index.add(file_number(11), 200, blocks_of(11, 93));
    CHECK_FALSE(index.knows(file_number(1)));
    CHECK(index.files() == 10);
    CHECK(known(index, blocks_of(11, 93), 11) == 93);
    CHECK(known(index, blocks_of(2, 93), 2) == 93);
  }
  SECTION("an earlier one does not") {
    CHECK_FALSE(index.has_space(100));
    index.add(file_number(11), 100, blocks_of(11, 93));
    CHECK_FALSE(index.knows(file_number(11)));
    CHECK(index.files() == 10);
  }
  SECTION("a larger one gets as much as those before it leave") {
    index.add(file_number(11), 105, blocks_of(11, 2'000));
    CHECK(index.files() == 6);
    CHECK(known(index, blocks_of(11, 2'000), 11) == 493);
    CHECK(known(index, blocks_of(6, 93), 6) == 93);
  }
}

TEST_CASE("nothing is kept where no block may be", "[broker][cache]") {
  BlockIndex index(0);
  CHECK_FALSE(index.has_space(1));
  index.add(file_number(1), 1, blocks_of(1, 3));
  CHECK(index.files() == 0);
  CHECK(index.blocks() == 0);
}

TEST_CASE("a block takes at most 24 bytes however often files come and go", "[broker][cache]") {
  constexpr size_t kBlocks = 200'000;
  BlockIndex index(kBlocks);
  size_t most = 0;
  for (uint64_t n = 1; n <= 1'000; ++n) {
    index.add(file_number(n), static_cast<uint32_t>(n), blocks_of(n, 993));
    if (n % 3 == 0) index.forget(file_number(n - 1));
    if (n > 600) most = std::max(most, index.block_bytes());
  }
  CHECK(index.blocks() > kBlocks * 9 / 10);
  CHECK(index.blocks() + BlockIndex::kFileBlocks * index.files() <= kBlocks);
  CHECK(most <= 24 * kBlocks + sizeof(BlockTable) + 256 * 16 * 12);
  for (uint64_t n = 1; n <= 1'000; ++n) index.forget(file_number(n));
  CHECK(index.blocks() == 0);
  CHECK(index.block_bytes() == sizeof(BlockTable));
}

TEST_CASE("a block's key depends on codec, hash and secret, not on the CID's version",
          "[broker][cache]") {
  const std::vector<uint8_t> digest(32, 5);
  const auto node = *Cid::v1(codec::kDagPb, hash::kSha2_256, digest);
  std::vector<uint8_t> old{0x12, 32};
  old.insert(old.end(), digest.begin(), digest.end());
  CHECK(block_key_of(node, kSecret) == block_key_of(*Cid::from_bytes(old), kSecret));
  CHECK(block_key_of(node, kSecret) != block_key_of(node, Uuid{8}));
  for (const auto& other : {Cid::v1(codec::kRaw, hash::kSha2_256, digest),
                            Cid::v1(codec::kDagPb, hash::kSha3_256, digest)}) {
    CHECK(block_key_of(node, kSecret) != block_key_of(*other, kSecret));
  }
}

TEST_CASE("the keys of a file's blocks are read from its trailer", "[broker][cache]") {
  const CarRequest request{.root = cid_number(1)};
  const auto trailer = trailer_of(request, {1, 2, 3});
  const auto keys = keys_in(trailer, 30, key_of(request));
  REQUIRE(keys);
  REQUIRE(keys->size() == 3);
  for (size_t i = 0; i < 3; ++i) CHECK((*keys)[i] == block_key_of(cid_number(i + 1), kSecret));
  CHECK(keys_in(trailer, 30, file_number(2)).error().code == Errc::kUnexpected);
  auto flipped = trailer;
  flipped[20] ^= 1;
  CHECK(keys_in(flipped, 30, key_of(request)).error().code == Errc::kHashMismatch);
}

TEST_CASE("the answer to a request for a raw block has no keys", "[broker][cache]") {
  const CarRequest request{
      .root = cid_number(1), .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
  const auto keys = keys_in(trailer_of(request, {1}), 10, key_of(request));
  REQUIRE(keys);
  CHECK(keys->empty());
}

}  // namespace daphnis::broker
