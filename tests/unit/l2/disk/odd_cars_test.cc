#include <catch2/catch.hpp>
#include <string>

#include "common/base/varint.h"
#include "l2/core/car_section.h"
#include "l2/disk/store.h"
#include "tests/unit/l2/disk/temp_folder.h"
#include "tests/unit/l2/disk/unpack_in.h"

using namespace daphnis;
using namespace daphnis::l2;
using namespace daphnis::test;

namespace {

const std::string kOne = "one";
const std::string kTwo = "two";

std::string varint(uint64_t value) {
  std::array<uint8_t, kVarintBytesMax> bytes;
  return text_of(Bytes(bytes).first(write_varint(value, bytes.data())));
}

std::string section(const std::string& cid, const std::string& body) {
  return varint(cid.size() + body.size()) + cid + body;
}

std::string section(std::string_view block) {
  return section(text_of(raw_cid(block).bytes()), std::string(block));
}

std::string header(const Cid& root) {
  return text_of(car_of(root, {}));
}

std::string as_v2(const std::string& payload) {
  std::string out = "\x0a\xa1\x67version\x02" + std::string(16, '\0');
  for (const uint64_t number : {uint64_t{kCarV2HeadBytes}, uint64_t{payload.size()}, uint64_t{0}}) {
    for (int i = 0; i < 8; ++i) out += static_cast<char>(number >> 8 * i);
  }
  return out + payload;
}

struct Odd {
  std::string what;
  std::string between;  ///< Bytes between two good sections.
  std::string tail;     ///< Bytes behind the last section.
};

/// An identity CID of 200 bytes, which is longer than kCidBytesMax.
std::string long_identity() {
  return std::string("\x01\x55\x00", 3) + varint(200) + std::string(200, 'i');
}

std::vector<Odd> all_odd() {
  const std::string big(limits::kBlockBytesMax + 1, 'b');
  return {
      {"one byte of padding", "", std::string(1, '\0')},
      {"a MiB of padding", "", std::string(limits::kMiB, '\0')},
      {"zero bytes between sections", std::string(3, '\0'), ""},
      {"a block larger than 2 MiB", section(big), ""},
      {"an identity section of 200 bytes", section(long_identity(), ""), ""},
      {"a CID of an unknown version", section("\x07\x07\x07", "x"), ""},
      {"a section that ends in its CID", section("\x01\x55\x12\x20short", ""), ""},
      {"a text behind the last section", "", "\r\nEnd of file\r\n"},
      {"what is no length", "", std::string(40, '\xff')},
      {"padding and then a text", "", std::string(9, '\0') + "garbage"},
  };
}

/// The notes of a level, one line each.
std::vector<std::string> notes(const Store::ScanReport& report, LogLevel level) {
  std::vector<std::string> out;
  for (const auto& [of, line] : report.notes) {
    if (of == level) out.push_back(line.text());
  }
  return out;
}

bool holds(Store& store, std::string_view block) {
  const auto found = store.read(raw_cid(block));
  return found && as_text(found->bytes()) == block;
}

}  // namespace

TEST_CASE("a flaw of a CAR costs none of its good blocks and is logged once", "[l2][store]") {
  const bool is_v2 = GENERATE(false, true);
  for (const Odd& odd : all_odd()) {
    CAPTURE(odd.what, is_v2);
    const std::string first = header(raw_cid(kOne)) + section(kOne);
    const std::string car = first + odd.between + section(kTwo) + odd.tail;
    const TempFolder folder;
    folder.write("a.car", as_bytes(is_v2 ? as_v2(car) : car));
    Store store(folder.path());
    const Store::ScanReport report = store.scan();
    REQUIRE(report.holdings);
    CHECK(report.holdings->size() == 1);
    CHECK(holds(store, kOne));
    CHECK(holds(store, kTwo));
    const auto told = notes(report, LogLevel::kWarn);
    REQUIRE(told.size() == 1);
    const size_t offset = (is_v2 ? kCarV2HeadBytes : 0) + first.size() +
                          (odd.between.empty() ? section(kTwo).size() : 0);
    CAPTURE(told[0]);
    CHECK(told[0].find("event=car_flawed file=a.car offset=" + std::to_string(offset) + " why=") !=
          std::string::npos);
    CHECK(told[0].find("passed_over_bytes=" +
                       std::to_string(odd.between.size() + odd.tail.size())) != std::string::npos);
    CHECK(notes(store.scan(), LogLevel::kWarn).empty());
  }
}

TEST_CASE("a flaw of a CAR does not keep it from being unpacked", "[l2][unpack]") {
  const bool is_stream = GENERATE(false, true);
  const auto root = directory({{"a", {raw_cid(kOne), 0, 3}}, {"b", {raw_cid(kTwo), 0, 3}}});
  for (const Odd& odd : all_odd()) {
    CAPTURE(odd.what, is_stream);
    const std::string car = text_of(car_of(root.first, {root})) + section(kOne) + odd.between +
                            section(kTwo) + odd.tail;
    const TempFolder folder;
    folder.write("in.car", as_bytes(car));
    const auto unpacked = unpack_in(folder, is_stream);
    REQUIRE(unpacked);
    CHECK(folder.read("out/a") + folder.read("out/b") == kOne + kTwo);
    CHECK(unpacked->flaws.first);
    CHECK(unpacked->flaws.passed_over_bytes == odd.between.size() + odd.tail.size());
  }
}

TEST_CASE("a sound CAR has no flaws", "[l2][store]") {
  const TempFolder folder;
  folder.write("in.car", as_bytes(header(raw_cid(kOne)) + section(kOne) + section(kTwo)));
  for (const bool is_stream : {false, true}) {
    const auto unpacked = unpack_in(folder, is_stream);
    REQUIRE(unpacked);
    CHECK_FALSE(unpacked->flaws.first);
    std::filesystem::remove(folder.at("out"));
  }
  Store store(folder.path());
  CHECK(notes(store.scan(), LogLevel::kWarn).empty());
}

TEST_CASE("a CAR that stays cut is logged at warn and its whole blocks are served", "[l2][store]") {
  const bool is_v2 = GENERATE(false, true);
  const std::string whole = header(raw_cid(kOne)) + section(kOne) + section(kTwo);
  const std::string car = is_v2 ? as_v2(whole) : whole;
  const TempFolder folder;
  folder.write("a.car", as_bytes(car.substr(0, car.size() - 1)));
  folder.age("a.car", 30);
  Store store(folder.path());
  const Store::ScanReport fresh = store.scan();
  CHECK(notes(fresh, LogLevel::kWarn).empty());
  CHECK(notes(fresh, LogLevel::kInfo).size() == 1);
  CHECK_FALSE(holds(store, kOne));
  CHECK(notes(store.scan(), LogLevel::kInfo).empty());

  folder.write("b.car", as_bytes(car.substr(0, 20)));  // This one is cut within its header.
  folder.age("a.car", 60);
  folder.age("b.car", 90);
  const Store::ScanReport old = store.scan();
  CHECK(notes(old, LogLevel::kWarn).size() == 2);
  CHECK(holds(store, kOne));
  CHECK_FALSE(holds(store, kTwo));
  CHECK(old.holdings->empty());  // The root of half a DAG is not announced.
  CHECK_FALSE(old.is_complete);
  CHECK(store.scan().notes.empty());
}

TEST_CASE("time alone turns a growing CAR into one that is cut", "[l2][store]") {
  const std::string car = header(raw_cid(kOne)) + section(kOne) + section(kTwo);
  const TempFolder folder;
  folder.write("a.car", as_bytes(car.substr(0, car.size() - 1)));
  folder.age("a.car", static_cast<int64_t>(limits::kCarCutMs / 1000) - 1);
  Store store(folder.path());
  bool is_used = false;  // True at once only where this machine stands still for a moment.
  for (int i = 0; i < 1000 && !is_used; ++i) {
    usleep(10'000);
    (void)store.scan();
    is_used = holds(store, kOne);
  }
  CHECK(is_used);
}

TEST_CASE("an error's text saved as a CAR is called what it is", "[l2][store]") {
  const auto [text, kind] = GENERATE(table<std::string, std::string>(
      {{R"({"error":"no L2 is registered here","code":"no_l2"})", "a JSON text"},
       {R"({"error":"no L2 that was asked has this content","code":"not_found","request_id":)"
        R"("0b5a0c7c-6a5a-4f0e-9d2e-000000000001"})",
        "a JSON text"},
       {"<!DOCTYPE html><html>502 Bad Gateway</html>", "an HTML page"}}));
  const TempFolder folder;
  folder.write("in.car", as_bytes(text + "\n"));
  for (const bool is_stream : {false, true}) {
    const auto unpacked = unpack_in(folder, is_stream);
    REQUIRE_FALSE(unpacked);
    CHECK(unpacked.error().code == Errc::kMalformed);
    CAPTURE(unpacked.error().detail);
    CHECK(unpacked.error().detail.find("is " + kind) != std::string::npos);
    CHECK(unpacked.error().detail.find(text) != std::string::npos);
  }
  Store store(folder.path());
  const auto told = notes(store.scan(), LogLevel::kWarn);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find(kind) != std::string::npos);
}

TEST_CASE("no CAR and no part of one is taken for an error's text", "[l2][store]") {
  const std::string car = header(raw_cid(kOne)) + section(kOne);
  for (size_t size = 0; size < car.size(); ++size) {
    CHECK_FALSE(what_else_it_is(as_bytes(car.substr(0, size))));
  }
  CHECK_FALSE(what_else_it_is(as_bytes("{\xa2")));
  CHECK_FALSE(what_else_it_is(as_bytes("<\xa2")));
}
