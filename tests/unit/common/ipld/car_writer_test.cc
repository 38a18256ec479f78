#include <array>
#include <random>

#include "common/ipld/car.h"
#include "tests/fakes/fixtures.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/ipld/car_transcript.h"

namespace daphnis {
namespace {

using test::read_car;
using test::read_fixture;
using test::to_hex;

std::vector<uint8_t> header_of(const Cid& root) {
  std::array<uint8_t, kCarHeaderWrittenMax> out;
  const size_t size = write_car_header(root, out);
  return {out.begin(), out.begin() + static_cast<ptrdiff_t>(size)};
}

TEST_CASE("our header has the same bytes as that of other implementations", "[car]") {
  CHECK(to_hex(header_of(Cid())) == to_hex(read_fixture("valid/probe-bafkqaaa.car")));
  for (const char* file : {"raw-single", "cidv0-file", "hash/sha2-512", "hash/blake2b-256"}) {
    CAPTURE(file);
    const auto car = read_fixture(std::string("valid/") + file + ".car");
    const auto transcript = read_car({car});
    REQUIRE(transcript.roots.size() == 1);
    const auto header = header_of(transcript.roots[0]);
    CHECK(to_hex(header) == to_hex(Bytes(car).first(header.size())));
  }
}

TEST_CASE("a CAR written from what was read is the same CAR", "[car]") {
  for (const char* file : {"adv-base", "cidv0-links-v1-sections", "dir-mixed", "hash/all"}) {
    CAPTURE(file);
    const auto car = read_fixture(std::string("valid/") + file + ".car");
    const auto transcript = read_car({car});
    auto written = header_of(transcript.roots[0]);
    for (const auto& section : transcript.sections) {
      std::array<uint8_t, kSectionHeadBytesMax> head;
      const size_t size = write_section_head(section.cid, section.body.size(), head);
      written.insert(written.end(), head.begin(), head.begin() + static_cast<ptrdiff_t>(size));
      written.insert(written.end(), section.body.begin(), section.body.end());
    }
    CHECK(written == car);
  }
}

TEST_CASE("headers of CIDs of every size are read back", "[car]") {
  std::mt19937_64 random(5);
  for (size_t digest_size = 0; digest_size <= limits::kDigestBytesMax; ++digest_size) {
    const std::vector<uint8_t> digest(digest_size, 9);
    const uint64_t code = digest_size < limits::kDigestBytesMin ? 0 : random() >> 1;
    const Cid root = Cid::v1(random() >> 1, code, digest).value();
    const auto transcript = read_car({header_of(root)});
    REQUIRE(transcript.failure.empty());
    REQUIRE(transcript.roots == std::vector<Cid>{root});
  }
}

Result<CarExtent> extent_of(const std::vector<uint8_t>& file) {
  const Bytes bytes = file;
  return car_extent(bytes.first(std::min(bytes.size(), kCarV2HeadBytes)), bytes.size());
}

TEST_CASE("the payload of a CARv2 file is the CARv1 it wraps", "[car]") {
  const auto inner = read_fixture("valid/dir-mixed.car");
  for (const char* name : {"carv2-indexed", "carv2-noindex", "carv2-padded"}) {
    CAPTURE(name);
    const auto file = read_fixture(std::string("valid/") + name + ".car");
    const auto extent = extent_of(file);
    REQUIRE(extent);
    REQUIRE(extent->offset + extent->size <= file.size());
    const Bytes payload = Bytes(file).subspan(extent->offset, extent->size);
    CHECK(to_hex(payload) == to_hex(inner));
  }
}

TEST_CASE("a file that is no CARv2 is taken whole", "[car]") {
  const auto file = read_fixture("valid/probe-bafkqaaa.car");
  const auto extent = extent_of(file);
  REQUIRE(extent);
  CHECK(extent->offset == 0);
  CHECK(extent->size == file.size());
}

TEST_CASE("a CARv2 whose payload lies outside the file or nowhere is refused", "[car]") {
  const auto [name, code] =
      GENERATE(table<std::string, Errc>({{"carv2-offset-huge", Errc::kTruncated},
                                         {"carv2-offset-inside-header", Errc::kMalformed},
                                         {"carv2-pragma-only", Errc::kTruncated}}));
  CAPTURE(name);
  const auto extent = extent_of(read_fixture("adversarial/" + name + ".car"));
  REQUIRE_FALSE(extent);
  CHECK(extent.error().code == code);
  CHECK(extent_of({}).error().code == Errc::kTruncated);
}

TEST_CASE("the extent of a CARv2 that is cut ends with the file", "[car]") {
  const auto beyond = extent_of(read_fixture("adversarial/carv2-data-beyond-eof.car"));
  REQUIRE(beyond);
  CHECK(beyond->is_cut);
  auto file = read_fixture("valid/carv2-noindex.car");
  const auto whole = extent_of(file);
  REQUIRE(whole);
  CHECK_FALSE(whole->is_cut);
  for (size_t size = file.size() - 1; size > 11; --size) {
    file.resize(size);
    const auto extent = extent_of(file);
    CHECK(extent.has_value() == (size > whole->offset));
    if (!extent) continue;
    CHECK(extent->offset + extent->size == size);
    CHECK(extent->is_cut == (extent->size < whole->size));
  }
}

}  // namespace
}  // namespace daphnis
