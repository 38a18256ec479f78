#include <catch2/catch.hpp>
#include <string_view>

#include "tests/unit/common/proof/support.h"

using namespace daphnis;
using namespace daphnis::test;

namespace {

MemorySource source_of(const ByteVector& car) {
  MemorySource source;
  source.add_all(sections_of(car));
  return source;
}

}  // namespace

TEST_CASE("every expectation comes out of the store and of either kind of stream") {
  size_t count = 0;
  std::string file;
  ByteVector car;
  MemorySource all;
  for (const Fixture& fixture : load_index()) {
    if (!fixture.is_expectation) continue;
    ++count;
    CAPTURE(fixture.request_text);
    if (fixture.file != file) {
      file = fixture.file;
      car = load_fixture(file);
      all = source_of(car);
    }
    const CarRequest request = request_from(fixture.request_text);
    const Answer made = produce(request, all);
    CHECK(made.complete);
    CHECK(cids_of(made.bytes) == fixture.cids);

    const Answer exact = verify(request, StreamShape::kExact, made.bytes);
    CHECK(exact.complete);
    CHECK(exact.bytes == made.bytes);
    const Answer legacy = verify_in_pieces(request, StreamShape::kWholeDag, car, 100'000);
    CHECK(legacy.complete);
    CHECK(legacy.bytes == made.bytes);

    MemorySource needed;  // This store lacks the blocks outside the range.
    needed.add_all(sections_of(made.bytes));
    CHECK(produce(request, needed).bytes == made.bytes);
  }
  CHECK(count == 19);
}

TEST_CASE("the output of a fixture's request is produced from the store block for block") {
  for (const Fixture& fixture : load_index()) {
    if (fixture.is_expectation || !fixture.verdict.starts_with("ACCEPT")) continue;
    CAPTURE(fixture.file);
    const ByteVector car = load_fixture(fixture.file);
    const CarRequest request = request_from(fixture.request_text);
    MemorySource source = source_of(car);
    const Answer made = produce(request, source);
    CHECK(made.complete);
    CHECK(made.bytes == verify(request, StreamShape::kExact, car).bytes);
  }
}

TEST_CASE("a whole DAG holds the output of each path fixture that is part of it") {
  struct Pair {
    std::string_view part_prefix;
    std::string_view whole;
  };
  size_t count = 0;
  for (const Pair& pair : {Pair{"valid/path/dir-", "valid/dir-mixed.car"},
                           Pair{"valid/path/hamt-", "valid/hamt-3000.car"},
                           Pair{"valid/path/dag-cbor-", "valid/dag-cbor.car"}}) {
    const ByteVector with_repeats = load_fixture(std::string(pair.whole));
    MemorySource source = source_of(with_repeats);
    const Cid root = sections_of(with_repeats).front().cid;
    const Answer whole = produce(CarRequest{root}, source);
    REQUIRE(whole.complete);
    for (const Fixture& fixture : load_index()) {
      if (!fixture.file.starts_with(pair.part_prefix)) continue;
      ++count;
      CAPTURE(fixture.file);
      const CarRequest request = request_from(fixture.request_text);
      const Answer exact = verify(request, StreamShape::kExact, load_fixture(fixture.file));
      const Answer legacy = verify_in_pieces(request, StreamShape::kWholeDag, whole.bytes, 5'000);
      CAPTURE(legacy.failure.text());
      CHECK(legacy.complete);
      CHECK(legacy.bytes == exact.bytes);
      CHECK(produce(request, source).bytes == exact.bytes);
    }
  }
  CHECK(count == 19);
}

TEST_CASE("repeats that an L2 omits come out again where dups=y asks for them") {
  const ByteVector repeated = load_fixture("valid/unixfs-1mib-zeros-dups-y.car");
  const ByteVector omitted = load_fixture("valid/unixfs-1mib-zeros-dups-n.car");
  CarRequest request{sections_of(omitted).front().cid};
  request.dups = true;
  for (const StreamShape shape : {StreamShape::kExact, StreamShape::kWholeDag}) {
    const Answer answer = verify_in_pieces(request, shape, omitted, 70'000);
    CHECK(answer.complete);
    CHECK(answer.bytes == repeated);
  }
}

TEST_CASE("content that contradicts itself is walked where possible and else refused") {
  struct Row {
    std::string_view file;
    std::string_view suffix;
    bool completes;
    size_t blocks;
    Errc code = Errc::kMalformed;
  };
  const auto rows = {
      Row{"dagpb-undecodable-root", "?dag-scope=block", true, 1},
      Row{"dagpb-undecodable-root", "?dag-scope=entity", false, 0},
      Row{"dagpb-undecodable-root", "/x?dag-scope=block", false, 0},
      Row{"unixfs-blocksizes-lie-big", "?dag-scope=entity", true, 3},
      Row{"unixfs-blocksizes-lie-big", "?dag-scope=entity&entity-bytes=0:*", true, 3},
      Row{"unixfs-blocksizes-lie-big", "?dag-scope=entity&entity-bytes=5000:6000", true, 2},
      Row{"unixfs-blocksizes-lie-big", "?dag-scope=entity&entity-bytes=-5:*", true, 2},
      Row{"unixfs-blocksizes-short", "?dag-scope=entity", true, 3},
      Row{"unixfs-blocksizes-short", "?dag-scope=entity&entity-bytes=0:*", false, 0},
      Row{"unixfs-blocksizes-short", "?dag-scope=entity&entity-bytes=5000:6000", false, 0},
      Row{"unixfs-blocksizes-overflow", "?dag-scope=entity", true, 3},
      Row{"unixfs-blocksizes-overflow", "?dag-scope=entity&entity-bytes=0:10", false, 0},
      Row{"unixfs-blocksizes-overflow", "?dag-scope=entity&entity-bytes=-10:*", false, 0},
      Row{"hamt-fanout-3", "?dag-scope=entity", false, 0},
      Row{"hamt-fanout-3", "/a", false, 0},
      Row{"hamt-fanout-2e40", "?dag-scope=entity", false, 0},
      Row{"hamt-fanout-2e40", "/a", false, 0},
      Row{"hamt-bitmap-too-wide", "?dag-scope=entity", false, 0},
      Row{"hamt-bitmap-too-wide", "/a", false, 0},
      Row{"hamt-bitmap-popcount-mismatch", "?dag-scope=entity", false, 0},
      Row{"hamt-bitmap-popcount-mismatch", "/a", false, 0},
      Row{"hamt-bitmap-popcount-mismatch", "?dag-scope=block", true, 1},
      Row{"dagcbor-truncated", "?dag-scope=entity", true, 1},
      Row{"dagcbor-truncated", "/0", false, 0},
      Row{"dagcbor-nested-100k", "?dag-scope=block", true, 1},
      Row{"dagcbor-nested-100k", "/0/0", false, 0},
      Row{"dagcbor-unsorted-keys", "/b", true, 2},
      Row{"dagcbor-unsorted-keys", "/a", false, 0, Errc::kInvalid},
      Row{"dagcbor-unsorted-keys", "/c", false, 0, Errc::kNotFound},
  };
  for (const Row& row : rows) {
    CAPTURE(row.file, row.suffix);
    const ByteVector car = load_fixture("adversarial/" + std::string(row.file) + ".car");
    const std::string root = sections_of(car).front().cid.text();
    const CarRequest request = request_from("/ipfs/" + root + std::string(row.suffix));
    MemorySource source = source_of(car);
    const Answer made = produce(request, source);
    const Answer legacy = verify(request, StreamShape::kWholeDag, car);
    for (const Answer& answer : {made, legacy}) {
      // A whole DAG that cannot be walked cannot be followed to its end.
      CAPTURE(answer.failure.text());
      CHECK(answer.complete == row.completes);
      if (row.completes) CHECK(cids_of(answer.bytes).size() == row.blocks);
      if (!row.completes) CHECK(answer.bytes.empty());
      if (!row.completes) CHECK(answer.failure.code == row.code);
    }
    if (row.completes) continue;
    CHECK(legacy.content_fault);
    // A v2 L2 sends the blocks that prove the refusal, so that each L2 leads to the same status.
    const Answer sent = produce(request, source, 1'000, {}, Producer::OnRefusal::kProves);
    CHECK(sent.complete);
    for (const size_t piece : {size_t{7}, size_t{1} << 20}) {
      const Answer exact = verify_in_pieces(request, StreamShape::kExact, sent.bytes, piece);
      CHECK(exact.content_fault);
      CHECK(exact.failure.text() == legacy.failure.text());
      CHECK(exact.bytes.empty());
    }
  }
}

TEST_CASE("of two entries with one name the first is followed") {
  const ByteVector car = load_fixture("adversarial/unixfs-dir-duplicate-names.car");
  const std::vector<Section> sections = sections_of(car);
  REQUIRE(sections.size() == 3);
  MemorySource source = source_of(car);
  std::string found;
  for (const char* name : {"a", "a.txt", "same", "same.txt", "dup", "dup.txt", "x", "name"}) {
    CarRequest request{sections[0].cid};
    request.path = {name};
    const Answer made = produce(request, source);
    if (!made.complete) continue;
    found = name;
    CHECK(cids_of(made.bytes).back() == sections[1].cid.text());
  }
  CAPTURE(std::string(sections[0].body.begin(), sections[0].body.end()));
  CHECK_FALSE(found.empty());
}
