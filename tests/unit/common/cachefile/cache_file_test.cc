#include "common/cachefile/cache_file.h"

#include <catch2/catch.hpp>

#include "common/ipld/hashes.h"
#include "tests/fakes/cached_files.h"

namespace daphnis {
namespace {

Cid cid_of(std::string_view text) {
  Hasher hasher;
  return hasher.cid_of(codec::kRaw, hash::kSha2_256, as_bytes(text)).value();
}

CarRequest request_for(const Cid& root) {
  CarRequest request;
  request.root = root;
  request.path = {"a"};
  return request;
}

struct File {
  std::vector<uint8_t> bytes;
  uint64_t body_bytes = 1000;
};

File some_file() {
  CacheTrailerWriter writer;
  writer.add_block(cid_of("one"), 100, 50);
  writer.add_block(cid_of("two"), 200, 800);
  File file;
  file.bytes.assign(file.body_bytes, 'b');
  writer.add_body(file.bytes);
  const auto trailer = std::move(writer).finish(request_for(cid_of("one")));
  file.bytes.insert(file.bytes.end(), trailer.begin(), trailer.end());
  return file;
}

Result<CacheTrailer> read(const std::vector<uint8_t>& file) {
  if (file.size() < kCacheFooterBytes) return fail(Errc::kMalformed);
  const auto footer = read_cache_footer(Bytes(file).last(kCacheFooterBytes), file.size());
  if (!footer) return std::unexpected(footer.error());
  return read_cache_trailer(Bytes(file).subspan(footer->body_bytes), *footer);
}

}  // namespace

TEST_CASE("a cache file names its request and the places of its blocks") {
  const auto trailer = read(some_file().bytes);
  REQUIRE(trailer);
  CHECK(trailer->request == request_for(cid_of("one")));
  REQUIRE(trailer->blocks.size() == 2);
  CHECK(trailer->blocks[1].cid == cid_of("two"));
  CHECK(trailer->blocks[1].offset == 200);
  CHECK(trailer->blocks[1].size == 800);
}

TEST_CASE("a cache file cut at any byte or with any byte of its trailer changed is refused") {
  const File file = some_file();
  for (size_t size = 0; size < file.bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(read({file.bytes.begin(), file.bytes.begin() + static_cast<ptrdiff_t>(size)}));
  }
  for (size_t at = file.body_bytes; at < file.bytes.size(); ++at) {
    CAPTURE(at);
    auto changed = file.bytes;
    changed[at] ^= 1;
    REQUIRE_FALSE(read(changed));
  }
}

TEST_CASE("a cache file keeps the sums of its body and one of version 1 keeps none") {
  const auto file = test::cached_dag(1, 4, 100'000);
  const auto now = read(file.bytes);
  REQUIRE(now);
  REQUIRE(now->sums);
  CHECK(now->sums->hold(0, Bytes(file.bytes).first(file.body_bytes)));
  const auto old = read(test::in_version_1(file).bytes);
  REQUIRE(old);
  CHECK_FALSE(old->sums);
  CHECK(old->blocks.size() == now->blocks.size());
  CHECK(old->request == now->request);
}

TEST_CASE("a body of too many blocks keeps its request and no list of blocks") {
  CacheTrailerWriter writer;
  const Cid cid = cid_of("x");
  for (size_t i = 0; i < limits::kCacheBlockListBytesMax / 49 + 2; ++i) writer.add_block(cid, 0, 1);
  std::vector<uint8_t> file = {0};
  writer.add_body(file);
  const auto trailer = std::move(writer).finish(request_for(cid));
  file.insert(file.end(), trailer.begin(), trailer.end());
  const auto out = read(file);
  REQUIRE(out);
  CHECK(out->blocks.empty());
  CHECK(out->request == request_for(cid));
}

TEST_CASE("a cache file name is its key") {
  RequestKey key{};
  key[0] = 0xab;
  key[31] = 0x0f;
  const std::string name = cache_file_name(key);
  CHECK(name.substr(0, 3) == "ab/");
  RequestKey back{};
  CHECK(parse_cache_file_name(name.substr(3), back));
  CHECK(back == key);
  CHECK_FALSE(parse_cache_file_name(name, back));
  CHECK_FALSE(parse_cache_file_name(std::string(64, 'g'), back));
}

}  // namespace daphnis
