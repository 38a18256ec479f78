#include "broker/cache/scrub.h"

#include <catch2/catch.hpp>

#include "broker/cache/cache_scan.h"
#include "tests/fakes/cached_files.h"

namespace daphnis::broker {
namespace {

using test::cached_dag;
using test::cached_file;
using test::CachedFile;

/// Proves `file` in pieces of `piece` bytes, as the scrubber does.
Result<void> prove(const CachedFile& file, size_t piece = 1 << 20) {
  const Bytes bytes(file.bytes);
  if (bytes.size() < kCacheFooterBytes) return fail(Errc::kMalformed);
  const auto footer = read_cache_footer(bytes.last(kCacheFooterBytes), bytes.size());
  if (!footer) return std::unexpected(footer.error());
  auto proof = CachedFileProof::begin(bytes.subspan(footer->body_bytes), *footer, file.key);
  if (!proof) return std::unexpected(proof.error());
  const Bytes body = bytes.first(footer->body_bytes);
  for (size_t at = 0; at < body.size(); at += piece) {
    const auto size = std::min(piece, body.size() - at);
    if (auto ok = proof->on_body(Slice::copy_of(body.subspan(at, size))); !ok) return ok;
  }
  return proof->on_end();
}

TEST_CASE("a file as a worker writes it is proven whatever the pieces") {
  const CachedFile file = cached_dag(1, 5, 3000);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, size_t{1} << 20}) {
    const auto proven = prove(file, piece);
    INFO((proven ? "" : proven.error().text()));
    CHECK(proven);
  }
}

TEST_CASE("a raw block and an answer without blocks are proven") {
  const test::Block block = test::raw_block(std::vector<uint8_t>(5000, 9));
  const CarRequest raw{
      .root = block.cid, .path = {}, .scope = DagScope::kBlock, .format = AnswerFormat::kRaw};
  CHECK(prove(cached_file(raw, {block}), 999));
  const Cid identity = *Hasher().cid_of(codec::kRaw, hash::kIdentity, as_bytes("hello"));
  const auto proven = prove(cached_file(CarRequest{.root = identity}, {}));
  INFO((proven ? "" : proven.error().text()));
  CHECK(proven);
}

TEST_CASE("repeats are proven where they were asked for") {
  const test::Block leaf = test::raw_block(std::vector<uint8_t>(700, 3));
  const test::Block root = test::parent_of({leaf, leaf});
  CarRequest request{.root = root.cid};
  CHECK(prove(cached_file(request, {root, leaf})));
  CHECK_FALSE(prove(cached_file(request, {root, leaf, leaf})));
  request.dups = true;
  CHECK(prove(cached_file(request, {root, leaf, leaf}), 100));
  CHECK_FALSE(prove(cached_file(request, {root, leaf})));
}

TEST_CASE("a file with any byte changed is found out") {
  const CachedFile file = cached_dag(2, 2, 40);
  for (size_t at = 0; at < file.bytes.size(); ++at) {
    CachedFile rotten = file;
    rotten.bytes[at] ^= 0x10;
    if (prove(rotten)) FAIL("byte " << at << " of " << file.bytes.size() << " was not missed");
  }
}

TEST_CASE("a file cut or grown anywhere is found out") {
  const CachedFile file = cached_dag(3, 2, 40);
  for (size_t size = 0; size < file.bytes.size(); ++size) {
    CachedFile cut = file;
    cut.bytes.resize(size);
    if (prove(cut)) FAIL("a cut at " << size << " was not missed");
  }
  CachedFile grown = file;
  grown.bytes.push_back(0);
  CHECK_FALSE(prove(grown));
}

TEST_CASE("a valid file under another name is found out") {
  CachedFile file = cached_dag(4);
  file.key = cached_dag(5).key;
  CHECK_FALSE(prove(file));
}

TEST_CASE("a body that lacks or has more than its answer is found out") {
  const test::Block leaf = test::raw_block({1, 2, 3});
  const test::Block other = test::raw_block({4, 5, 6});
  const test::Block root = test::parent_of({leaf, other});
  const CarRequest request{.root = root.cid};
  CHECK(prove(cached_file(request, {root, leaf, other})));
  CHECK_FALSE(prove(cached_file(request, {root, leaf})));
  CHECK_FALSE(prove(cached_file(request, {root, other, leaf})));
  CHECK_FALSE(prove(cached_file(request, {root, leaf, other, test::raw_block({7})})));
  CHECK_FALSE(prove(cached_file(request, {})));
}

TEST_CASE("sums that are not those of the body are found out") {
  const CachedFile file = cached_dag(3);
  CHECK(prove(file));
  CHECK(prove(test::in_version_1(file)));
  // A file whose writer summed other bytes: all digests hold.
  CachedFile other = file;
  const Bytes all(file.bytes);
  const auto footer = *read_cache_footer(all.last(kCacheFooterBytes), all.size());
  PieceSummer summer;
  summer.add(std::vector<uint8_t>(file.body_bytes, 0));
  std::ranges::copy(std::move(summer).finish(),
                    other.bytes.begin() + static_cast<ptrdiff_t>(footer.sums_offset()));
  const auto trailer = std::span(other.bytes).subspan(file.body_bytes);
  SHA256(trailer.data(), trailer.size() - 32, trailer.last(32).data());
  const auto proven = prove(other);
  REQUIRE_FALSE(proven);
  CHECK(proven.error().detail.find("sums") != std::string::npos);
}

TEST_CASE("a list that does not fit its body is found out") {
  const test::Block leaf = test::raw_block(std::vector<uint8_t>(50, 1));
  const test::Block root = test::parent_of({leaf});
  const CarRequest request{.root = root.cid};
  const CachedFile file = cached_file(request, {root, leaf});
  const auto with_list = [&](const std::vector<CachedBlock>& blocks) {
    CachedFile changed = file;
    changed.bytes.resize(file.body_bytes);
    CacheTrailerWriter writer;
    for (const auto& block : blocks) writer.add_block(block.cid, block.offset, block.size);
    writer.add_body(changed.bytes);
    const auto end = std::move(writer).finish(request);
    changed.bytes.insert(changed.bytes.end(), end.begin(), end.end());
    return changed;
  };
  CHECK(prove(with_list(file.blocks)));
  CHECK(prove(with_list({})));  // A list that is too long is not written at all.
  auto moved = file.blocks;
  ++moved[1].offset;
  --moved[1].size;
  CHECK_FALSE(prove(with_list(moved)));
  auto renamed = file.blocks;
  renamed[1].cid = renamed[0].cid;
  CHECK_FALSE(prove(with_list(renamed)));
  auto more = file.blocks;
  more.push_back({leaf.cid, file.body_bytes, 0});
  CHECK_FALSE(prove(with_list(more)));
}

TEST_CASE("the end of a file tells its root and that it answers its name") {
  const CachedFile file = cached_dag(6);
  const Bytes bytes(file.bytes);
  const size_t tail = std::min(bytes.size(), kTailBytes);
  const auto root = root_of_tail(bytes.last(tail), bytes.size(), file.key);
  REQUIRE(root);
  CHECK(*root == file.root);
  const auto other = root_of_tail(bytes.last(tail), bytes.size(), cached_dag(7).key);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::kUnexpected);
  const auto footer_alone = root_of_tail(bytes.last(kCacheFooterBytes), bytes.size(), file.key);
  REQUIRE_FALSE(footer_alone);
  CHECK(footer_alone.error().code == Errc::kTruncated);
  CHECK_FALSE(root_of_tail(bytes.first(10), 10, file.key));
}

}  // namespace
}  // namespace daphnis::broker
