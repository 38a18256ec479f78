#include <catch2/catch.hpp>

#include "broker/cache/block_index.h"
#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

constexpr Uuid kSecret{3, 1};

TEST_CASE("the blocks of a stored file are listed by its trailer") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1, 8, 1'000);
  REQUIRE(rig.stored(file).is_stored);
  rig.folder->add(ListBlocks{.key = file.key, .secret = kSecret});
  rig.until([&] { return !rig.listed.empty(); });
  CHECK(rig.listed[0].key == file.key);
  CHECK(rig.listed[0].is_last);
  REQUIRE(rig.listed[0].blocks.size() == file.blocks.size());
  for (size_t i = 0; i < file.blocks.size(); ++i) {
    CHECK(rig.listed[0].blocks[i] == block_key_of(file.blocks[i].cid, kSecret));
  }
}

TEST_CASE("a file that is stored says at once which blocks it has, where its trailer is short") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const auto blocks_of = [&](const CachedFile& file) {
    rig.store(file, rig.stored_events.size() + 1, kSecret);
    rig.until_idle();
    CHECK(rig.stored_events.back().is_stored);
    return rig.stored_events.back().blocks;
  };
  const CachedFile file = cached_dag(1, 8, 1'000);
  const auto blocks = blocks_of(file);
  REQUIRE(blocks);
  REQUIRE(blocks->size() == file.blocks.size());
  for (size_t i = 0; i < file.blocks.size(); ++i) {
    CHECK((*blocks)[i] == block_key_of(file.blocks[i].cid, kSecret));
  }
  CHECK_FALSE(blocks_of(cached_dag(2, 100, 40)));
  CachedFile damaged = cached_dag(3);
  damaged.bytes[damaged.body_bytes + 3] ^= 1;
  CHECK(blocks_of(damaged) == std::vector<BlockKey>());
  CHECK_FALSE(rig.stored(cached_dag(4)).blocks);  // Nobody wanted them.
}

TEST_CASE("a long list comes in parts") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile file = cached_dag(1, kBlocksListedMax + 10, 40);
  REQUIRE(rig.stored(file).is_stored);
  rig.folder->add(ListBlocks{.key = file.key, .secret = kSecret});
  rig.until([&] { return rig.listed.size() == 2; });
  CHECK(rig.listed[0].blocks.size() == kBlocksListedMax);
  CHECK_FALSE(rig.listed[0].is_last);
  CHECK(rig.listed[0].blocks.size() + rig.listed[1].blocks.size() == file.blocks.size());
  CHECK(rig.listed[1].is_last);
}

TEST_CASE("a file that is gone or damaged has no blocks to list") {
  const TempFolder temp;
  Rig rig(temp.path);
  rig.start();
  const CachedFile damaged = cached_dag(1);
  REQUIRE(rig.stored(damaged).is_stored);
  rot(rig.object(damaged), damaged.body_bytes + 3);
  const CachedFile torn = cached_dag(2);
  write_file(rig.object(torn), Bytes(torn.bytes).first(20));
  for (const RequestKey& key : {damaged.key, torn.key, cached_dag(3).key}) {
    rig.folder->add(ListBlocks{.key = key, .secret = kSecret});
  }
  rig.until([&] { return rig.listed.size() == 3; });
  for (const BlocksListed& listed : rig.listed) {
    CHECK(listed.blocks.empty());
    CHECK(listed.is_last);
  }
}

}  // namespace
}  // namespace daphnis::broker::uv::test
