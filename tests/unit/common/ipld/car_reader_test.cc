#include <algorithm>
#include <array>

#include "common/ipld/car.h"
#include "tests/fakes/fixtures.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/ipld/car_transcript.h"

namespace daphnis {
namespace {

using test::CarTranscript;
using test::from_hex;
using test::read_car;
using test::read_fixture;
using test::to_hex;

std::vector<Bytes> in_parts_of(Bytes bytes, size_t size) {
  std::vector<Bytes> parts;
  for (; !bytes.empty(); bytes = bytes.subspan(parts.back().size())) {
    parts.push_back(bytes.first(std::min(size, bytes.size())));
  }
  return parts;
}

size_t whole_sections(const CarTranscript& transcript) {
  return static_cast<size_t>(std::ranges::count_if(
      transcript.sections, [](const CarTranscript::Section& section) { return section.is_whole; }));
}

// A CAR of blocks whose digests are wrong, which the reader does not check.
std::vector<uint8_t> car_of(const std::vector<size_t>& body_sizes) {
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  const size_t header_size = write_car_header(Cid(), header);
  std::vector<uint8_t> car(header.begin(), header.begin() + static_cast<ptrdiff_t>(header_size));
  for (const size_t size : body_sizes) {
    const std::vector<uint8_t> digest(32, static_cast<uint8_t>(size));
    std::array<uint8_t, kSectionHeadBytesMax> head;
    const size_t head_size =
        write_section_head(Cid::v1(codec::kRaw, 0x12, digest).value(), size, head);
    car.insert(car.end(), head.begin(), head.begin() + static_cast<ptrdiff_t>(head_size));
    car.insert(car.end(), size, 'x');
  }
  return car;
}

TEST_CASE("a CAR is reported section by section with the CID before the body", "[car]") {
  const std::vector<uint8_t> car = car_of({3, 0, 200});
  CarReader reader(CarReader::Roots::kKept);
  CHECK_FALSE(reader.may_end_here());
  Bytes rest = car;
  const auto next = [&] {
    const CarReader::Step step = reader.step(rest);
    rest = rest.subspan(step.consumed);
    return step.event;
  };
  using Event = CarReader::Event;
  CHECK(next() == Event::kHeader);
  CHECK(reader.roots() == std::vector<Cid>{Cid()});
  CHECK(reader.may_end_here());
  CHECK(next() == Event::kSection);
  CHECK(reader.body_size() == 3);
  CHECK(reader.cid().digest()[0] == 3);
  CHECK_FALSE(reader.may_end_here());
  CHECK(next() == Event::kBody);
  CHECK_FALSE(reader.may_end_here());
  CHECK(next() == Event::kSectionEnd);
  CHECK(reader.may_end_here());
  CHECK(next() == Event::kSection);
  CHECK(reader.body_size() == 0);
  CHECK(next() == Event::kSectionEnd);
  CHECK(next() == Event::kSection);
  CHECK(reader.body_size() == 200);
  CHECK(next() == Event::kBody);
  CHECK(rest.empty());
  CHECK(next() == Event::kSectionEnd);
  CHECK(next() == Event::kNeedMore);
  CHECK(reader.may_end_here());
}

TEST_CASE("any split of a CAR gives the same sections", "[car]") {
  std::vector<uint8_t> car = car_of({0, 1, 100, 300});
  for (const char* file :
       {"probe-bafkqaaa", "raw-empty-block", "raw-single", "identity-included"}) {
    const auto more = read_fixture(std::string("valid/") + file + ".car");
    const CarTranscript whole = read_car({more});
    CHECK(whole.failure.empty());
    for (size_t cut = 0; cut <= more.size(); ++cut) {
      const Bytes bytes = more;
      REQUIRE(read_car({bytes.first(cut), bytes.subspan(cut)}) == whole);
    }
  }
  const Bytes bytes = car;
  const CarTranscript whole = read_car({bytes});
  CHECK(whole.sections.size() == 4);
  CHECK(read_car(in_parts_of(bytes, 1)) == whole);
  for (size_t cut = 0; cut <= car.size(); ++cut) {
    CAPTURE(cut);
    REQUIRE(read_car({bytes.first(cut), {}, bytes.subspan(cut)}) == whole);
    REQUIRE(read_car(in_parts_of(bytes, cut + 1)) == whole);
  }
}

TEST_CASE("a CAR may end between sections and nowhere else", "[car]") {
  const std::vector<uint8_t> car = car_of({10, 0, 150});
  std::vector<size_t> ends;
  for (size_t cut = 0; cut <= car.size(); ++cut) {
    const CarTranscript part = read_car({Bytes(car).first(cut)});
    if (part.failure.empty()) {
      ends.push_back(cut);
    } else {
      REQUIRE(part.failure == "truncated");
    }
  }
  const size_t header = car_of({}).size();
  CHECK(ends ==
        std::vector<size_t>{header, car_of({10}).size(), car_of({10, 0}).size(), car.size()});
}

TEST_CASE("a reader's caller may skip bodies by itself", "[car]") {
  const std::vector<uint8_t> car = car_of({500, 0, 7});
  CarReader reader;
  Bytes rest = car;
  std::vector<size_t> sizes;
  while (!rest.empty()) {
    const CarReader::Step step = reader.step(rest);
    rest = rest.subspan(step.consumed);
    if (step.event != CarReader::Event::kSection) continue;
    sizes.push_back(reader.body_size());
    rest = rest.subspan(reader.body_size());
    reader.skip_body();
  }
  CHECK(sizes == std::vector<size_t>{500, 0, 7});
  CHECK(reader.may_end_here());
}

TEST_CASE("roots are kept only where they are wanted", "[car]") {
  CarReader reader;
  CHECK(reader.step(car_of({})).event == CarReader::Event::kHeader);
  CHECK(reader.roots().empty());
}

TEST_CASE("a block of the largest size is taken and one byte more is refused", "[car]") {
  CHECK(read_car({car_of({limits::kBlockBytesMax})}).failure.empty());
  const CarTranscript over = read_car({car_of({limits::kBlockBytesMax + 1})});
  CHECK(over.failure == "too_large: a block is too large");
  CHECK(over.sections.empty());
}

TEST_CASE("valid CARs hold the number of blocks that their index says", "[car]") {
  const auto [file, blocks] = GENERATE(table<const char*, size_t>({
      {"raw-single", 1},
      {"raw-empty-block", 1},
      {"probe-bafkqaaa", 0},
      {"wide-5000", 5001},
      {"chain-500", 501},
      {"cidv0-file", 4},
      {"adv-base", 6},
      {"hash/all", 11},
  }));
  const auto bytes = read_fixture(std::string("valid/") + file + ".car");
  const CarTranscript transcript = read_car({bytes});
  CAPTURE(file);
  CHECK(transcript.failure.empty());
  CHECK(whole_sections(transcript) == blocks);
}

TEST_CASE("bad CARs are refused at the first bad section and for the right reason", "[car]") {
  struct Bad {
    const char* file;
    size_t sections;
    const char* failure;
  };
  const Bad bad = GENERATE(values<Bad>({
      {"empty-body", 0, "truncated"},
      {"trunc-mid-block", 3, "truncated"},
      {"trunc-in-length-varint", 3, "truncated"},
      {"trunc-in-cid", 3, "truncated"},
      {"trunc-last-byte", 5, "truncated"},
      {"boxo-truncation-message", 3, "unsupported: a section's CID has an unknown version"},
      {"html-instead-of-car", 0, "malformed"},
      {"varint-max-u64", 1, "malformed: a section's length is malformed"},
      {"varint-max-i63", 1, "too_large: a section is too large"},
      {"varint-endless", 1, "malformed: a section's length is malformed"},
      {"varint-nonminimal", 1, "malformed: a section's length is malformed"},
      {"section-len-one", 1, "malformed: a section ends inside its CID"},
      {"section-claims-1gib", 1, "too_large: a section is too large"},
      {"zero-padding-tail", 6, "malformed: a section is empty"},
      {"block-3mib", 0, "too_large: a section is too large"},
      {"block-9mib", 0, "too_large: a section is too large"},
      {"cid-version-0-explicit", 1, "malformed: a section's CID is malformed"},
      {"cid-version-2", 1, "unsupported: a section's CID has an unknown version"},
      {"cid-digest-len-huge", 1, "too_large: a section's CID has too long a digest"},
      {"cid-nonminimal-varint", 1, "malformed: a section's CID is malformed"},
      {"cid-v0-not-sha256", 1, "unsupported: a section's CID has an unknown version"},
      {"hash-blake2b-8", 0, "malformed"},
      {"hash-weak-md5", 0, "malformed"},
      {"header-claims-33mib", 0, "too_large: the CAR header is too large"},
      {"header-len-zero", 0, "malformed: the CAR header is empty"},
      {"header-version-nonminimal", 0, "malformed: the CAR header's version is malformed"},
      {"header-indefinite-map", 0, "malformed: the CAR header is not a map"},
      {"header-float-version", 0, "malformed: the CAR header's version is malformed"},
      {"header-version-0", 0, "unsupported: the CAR is not of version 1"},
      {"header-version-2", 0, "unsupported: the CAR is not of version 1"},
      {"header-version-3", 0, "unsupported: the CAR is not of version 1"},
      {"header-roots-missing", 0, "malformed: the CAR header has no roots"},
      {"header-roots-not-array", 0, "malformed: the CAR header's roots are malformed"},
      {"header-root-tag-missing", 0, "malformed: the CAR header's roots are malformed"},
      {"header-root-no-multibase-prefix", 0, "malformed: the CAR header's roots are malformed"},
      {"header-extra-key", 0, "malformed: the CAR header has an unknown or repeated key"},
      {"header-dup-key", 0, "malformed: the CAR header has an unknown or repeated key"},
      {"header-trailing-bytes", 0, "malformed: bytes follow the CAR header's map"},
      {"header-million-roots-claim", 0, "malformed: the CAR header's roots are malformed"},
      {"header-bytes-len-huge", 0, "malformed: the CAR header's roots are malformed"},
      {"carv2-pragma-only", 0, "unsupported: the CAR is not of version 1"},
  }));
  const auto bytes = read_fixture(std::string("adversarial/") + bad.file + ".car");
  const CarTranscript transcript = read_car({bytes});
  CAPTURE(bad.file);
  CHECK_THAT(transcript.failure, Catch::Matchers::StartsWith(bad.failure));
  CHECK(whole_sections(transcript) == bad.sections);
  if (bytes.size() < 10000) CHECK(read_car(in_parts_of(bytes, 1)) == transcript);
}

TEST_CASE("CARs that lie about content alone have sound framing", "[car]") {
  const char* const file =
      GENERATE("flip-leaf-data", "no-roots-header", "header-key-order", "wrong-root-header",
               "extra-1000-blocks", "block-2mib-exact", "cid-unknown-hash", "trunc-block-boundary",
               "trunc-after-header", "cid-digest-31");
  CAPTURE(file);
  const auto bytes = read_fixture(std::string("adversarial/") + file + ".car");
  CHECK(read_car({bytes}).failure.empty());
}

TEST_CASE("a CARv2 on the wire is refused", "[car]") {
  const auto bytes = read_fixture("valid/carv2-indexed.car");
  CHECK(read_car({bytes}).failure == "unsupported: the CAR is not of version 1");
}

TEST_CASE("a header cut anywhere or with any byte changed never passes for another", "[car]") {
  const std::vector<uint8_t> good = from_hex(
      "a265726f6f747381d82a450001550000"
      "6776657273696f6e01");
  std::vector<Cid> roots;
  REQUIRE(read_car_header(good, &roots));
  CHECK(roots == std::vector<Cid>{Cid()});
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(read_car_header(Bytes(good).first(size), nullptr));
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::vector<uint8_t> changed = good;
    changed[at] ^= 0x80;
    CAPTURE(to_hex(changed));
    CHECK_FALSE(read_car_header(changed, nullptr));
  }
}

}  // namespace
}  // namespace daphnis
