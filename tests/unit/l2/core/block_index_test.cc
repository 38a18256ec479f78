#include <catch2/catch.hpp>

#include "common/ipld/hashes.h"
#include "l2/core/block_index.h"
#include "tests/unit/l2/blocks.h"

using namespace daphnis;
using namespace daphnis::l2;
using daphnis::test::raw_cid;

namespace {

void add(BlockIndex& index, const Cid& cid, const SectionPlace& place) {
  const BlockIndex::Entry entry = BlockIndex::entry_of(cid, place);
  index.add({&entry, 1});
}

}  // namespace

TEST_CASE("an index entry takes 24 bytes and holds the largest places", "[l2][index]") {
  STATIC_REQUIRE(sizeof(BlockIndex::Entry) == 24);
  BlockIndex index;
  const SectionPlace place{~uint32_t{0}, SectionPlace::kOffsetLimit - 1,
                           SectionPlace::kSizeLimit - 1};
  add(index, raw_cid("a"), place);
  REQUIRE(index.find(raw_cid("a"), 8).size() == 1);
  CHECK(index.find(raw_cid("a"), 8)[0].place == place);
  CHECK(index.find(raw_cid("b"), 8).empty());
}

TEST_CASE("a block may lie in many places and each is forgotten alone", "[l2][index]") {
  BlockIndex index;
  const Cid cid = raw_cid("a");
  for (uint32_t file = 1; file <= 5; ++file) add(index, cid, {file, 100, 50});
  add(index, cid, {3, 100, 50});  // The same place once more.
  CHECK(index.size() == 5);
  CHECK(index.find(cid, 8).size() == 5);
  CHECK(index.find(cid, 2).size() == 2);
  index.forget(cid, {2, 100, 50});
  index.forget_files(std::vector<uint32_t>{1, 5, 9});
  CHECK(index.size() == 2);
  CHECK(index.is_in_file(cid, 4));
  CHECK_FALSE(index.is_in_file(cid, 5));
  CHECK_FALSE(index.is_in_file(raw_cid("b"), 4));
}

TEST_CASE("versions 0 and 1 of a CID find the same block", "[l2][index]") {
  BlockIndex index;
  const Cid v1 = sha256_cid(codec::kDagPb, as_bytes("node"));
  const auto v0 = Cid::from_bytes(v1.multihash());
  REQUIRE(v0);
  REQUIRE(v0->version() == 0);
  add(index, *v0, {1, 0, 10});
  CHECK(index.find(v1, 8).size() == 1);
}

TEST_CASE("proof is remembered per place", "[l2][index]") {
  BlockIndex index;
  const Cid cid = raw_cid("a");
  add(index, cid, {1, 0, 10});
  add(index, cid, {2, 0, 10});
  index.mark_proven(cid, {2, 0, 10});
  index.mark_proven(cid, {3, 0, 10});  // This place was forgotten meanwhile.
  for (const BlockIndex::Candidate& found : index.find(cid, 8)) {
    CHECK(found.is_proven == (found.place.file == 2));
  }
}

TEST_CASE("equal digests of different hashes are kept apart", "[l2][index]") {
  BlockIndex index;
  const Cid sha = raw_cid("a");
  add(index, sha, {1, 0, 10});
  CHECK(index.find(*Cid::v1(codec::kRaw, hash::kDblSha2_256, sha.digest()), 8).empty());
}
