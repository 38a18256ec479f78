#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <string_view>

#include "common/ipld/hashes.h"
#include "tests/unit/common/hex.h"
#include "tests/unit/common/proof/support.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

enum class Verdict { kAccept, kReject };

/// The verdict that INDEX.json writes in prose for a request. An unknown verdict fails the test.
Verdict verdict_of(std::string_view prose) {
  struct Row {
    std::string_view prefix;
    Verdict verdict;
  };
  static constexpr std::array kRows = {
      Row{"ACCEPT if the hash is supported", Verdict::kAccept},  // All of them are.
      Row{"ACCEPT for dag-scope=all;", Verdict::kAccept},
      Row{"ACCEPT as proof of absence", Verdict::kAccept},
      Row{"ACCEPT (", Verdict::kAccept},
      Row{"client response COMPLETE", Verdict::kAccept},
      Row{"dag-scope=all: ACCEPT (links only);", Verdict::kAccept},
      Row{"dag-scope=block / raw: ACCEPT; all/entity: abort", Verdict::kReject},
      Row{"abort (", Verdict::kReject},
      Row{"REJECT (", Verdict::kReject},
      Row{"REJECT ", Verdict::kReject},
  };
  if (prose == "ACCEPT") return Verdict::kAccept;
  if (prose == "REJECT") return Verdict::kReject;
  for (const Row& row : kRows) {
    if (prose.starts_with(row.prefix)) return row.verdict;
  }
  FAIL("a verdict that this test does not know: " << prose);
  return Verdict::kReject;
}

bool leaves_surplus(std::string_view prose) {
  return prose.find("penalised") != std::string_view::npos;
}

size_t sections_in(const Answer& answer) {
  return answer.bytes.empty() ? 0 : sections_of(answer.bytes).size();
}

void check_verdict(const Fixture& fixture, const Answer& answer) {
  CAPTURE(fixture.file, fixture.verdict, answer.failure.text());
  const bool accepts = verdict_of(fixture.verdict) == Verdict::kAccept;
  CHECK(answer.complete == accepts);
  const size_t sections = sections_in(answer);
  if (accepts) CHECK(sections == fixture.blocks.value_or(fixture.ok_blocks.value_or(0)));
  if (fixture.ok_blocks) CHECK(sections <= *fixture.ok_blocks);
  if (accepts) CHECK((answer.surplus > 0) == leaves_surplus(fixture.verdict));
}

/// Checks that the same bytes in other pieces have the same result.
void check_same(const Answer& answer, const Answer& whole) {
  CHECK(answer.complete == whole.complete);
  CHECK(answer.failure.code == whole.failure.code);
  CHECK(answer.failure.detail == whole.failure.detail);
  CHECK(answer.bytes == whole.bytes);
  CHECK(answer.proven == whole.proven);
}

}  // namespace

TEST_CASE("every fixture CAR, built or kept, has the size and digest of the index") {
  Hasher hasher;
  for (const Fixture& fixture : load_index()) {
    if (fixture.is_expectation) continue;
    CAPTURE(fixture.file);
    const ByteVector car = load_fixture(fixture.file);
    CHECK(car.size() == fixture.size);
    const auto cid = hasher.cid_of(codec::kRaw, hash::kSha2_256, car);
    REQUIRE(cid);
    CHECK(to_hex(cid->digest()) == fixture.sha256);
  }
}

TEST_CASE("every fixture CAR gets its verdict and no block too many is put out") {
  size_t count = 0;
  for (const Fixture& fixture : load_index()) {
    if (fixture.is_expectation) continue;
    CAPTURE(fixture.file);
    const ByteVector car = load_fixture(fixture.file);
    // A root whose CID cannot be read is refused with the request.
    const auto cid_text = fixture.request_text.substr(6, fixture.request_text.find('?') - 6);
    const Result<Cid> root = Cid::from_text(cid_text.substr(0, cid_text.find('/')));
    ++count;
    if (!root) {
      CHECK(verdict_of(fixture.verdict) == Verdict::kReject);
      CHECK(fixture.ok_blocks.value_or(0) == 0);
      continue;
    }
    const CarRequest request = request_from(fixture.request_text);
    const Answer whole = verify(request, StreamShape::kExact, car);
    check_verdict(fixture, whole);

    const size_t piece = car.size() <= 6'000 ? 1 : car.size() <= 20'000 ? 13 : 40'009;
    check_same(verify_in_pieces(request, StreamShape::kExact, car, piece), whole);
    for (size_t cut = 1; car.size() <= 600 && cut < car.size(); ++cut) {
      CAPTURE(cut);
      check_same(verify(request, StreamShape::kExact, car, {cut}), whole);
    }
    std::mt19937 random(static_cast<uint32_t>(car.size()));
    for (int round = 0; round < 2 && car.size() > 64; ++round) {
      std::vector<size_t> cuts;
      size_t at = 0;
      while (true) {
        at += 1 + random() % (round % 2 == 0 ? 50'000 : 3'000);
        if (at >= car.size()) break;
        cuts.push_back(at);
      }
      check_same(verify(request, StreamShape::kExact, car, cuts), whole);
    }
  }
  CHECK(count > 100);
}
