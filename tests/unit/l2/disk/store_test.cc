#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "l2/disk/own_id.h"
#include "l2/disk/store.h"
#include "l2/disk/store_lock.h"
#include "tests/fakes/fixtures.h"
#include "tests/unit/l2/disk/temp_folder.h"

using namespace daphnis;
using namespace daphnis::l2;
using namespace daphnis::test;

namespace {

const std::string kHello = "hello";
const std::string kWorld = "world";

size_t roots_after(Store& store) {
  const Store::ScanReport report = store.scan();
  REQUIRE(report.holdings);
  return report.holdings->size();
}

bool holds(Store& store, std::string_view block) {
  const auto found = store.read(raw_cid(block));
  if (found) CHECK(as_text(found->bytes()) == block);
  return found.has_value();
}

}  // namespace

TEST_CASE("a store gives the blocks of all its CARs and announces their roots", "[l2][store]") {
  const TempFolder folder;
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  folder.write("b.car", car_of(raw_cid("absent"), {{raw_cid(kWorld), kWorld}}));
  folder.write("c.txt", car_of(raw_cid("other"), {{raw_cid("other"), "other"}}));
  folder.write(".d.car", car_of(raw_cid("other"), {{raw_cid("other"), "other"}}));
  Store store(folder.path());
  CHECK(roots_after(store) == 1);  // The file b.car does not hold its root.
  CHECK(holds(store, kHello));
  CHECK(holds(store, kWorld));
  CHECK_FALSE(holds(store, "other"));
  CHECK(store.totals().files == 2);
  CHECK_FALSE(store.scan().holdings);  // The holdings have not changed.
}

TEST_CASE("a store is complete while each file has a root that is announced", "[l2][store]") {
  const TempFolder folder;
  Store store(folder.path());
  CHECK(store.scan().is_complete);
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  CHECK(store.scan().is_complete);
  folder.write("b.car", car_of(raw_cid("absent"), {{raw_cid(kWorld), kWorld}}));
  CHECK_FALSE(store.scan().is_complete);
  std::filesystem::remove(folder.at("b.car"));
  CHECK(store.scan().is_complete);
}

TEST_CASE("new files are picked up and removed ones dropped", "[l2][store]") {
  const TempFolder folder;
  Store store(folder.path());
  CHECK(roots_after(store) == 0);
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  CHECK(roots_after(store) == 1);
  CHECK(holds(store, kHello));
  std::filesystem::remove(folder.at("a.car"));
  CHECK(roots_after(store) == 0);
  CHECK_FALSE(holds(store, kHello));
  CHECK(store.totals().blocks == 0);
}

TEST_CASE("a file that is renamed is never missing", "[l2][store]") {
  const TempFolder folder;
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  Store store(folder.path());
  CHECK(roots_after(store) == 1);
  std::filesystem::rename(folder.at("a.car"), folder.at("b.car"));
  CHECK(roots_after(store) == 1);
  CHECK(holds(store, kHello));
}

TEST_CASE("half a file is not used until it is whole", "[l2][store]") {
  const TempFolder folder;
  const auto car = car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}, {raw_cid(kWorld), kWorld}});
  Store store(folder.path());
  for (size_t size = 0; size < car.size(); ++size) {
    folder.write("a.car", Bytes(car).first(size));
    folder.age("a.car", 5);
    (void)store.scan();
    const size_t first = car.size() - kWorld.size() - 37;
    CAPTURE(size);
    CHECK(holds(store, kHello) == (size == first));  // Cut after a section, the file looks whole.
  }
  folder.write("a.car", car);
  folder.age("a.car", 1);
  CHECK(roots_after(store) == 1);
  CHECK(holds(store, kHello));
  CHECK(holds(store, kWorld));
}

TEST_CASE("a file that is being written again is looked at when its writer has paused",
          "[l2][store]") {
  const TempFolder folder;
  Store store(folder.path());
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  CHECK(roots_after(store) == 1);
  folder.write("a.car", car_of(raw_cid(kWorld), {{raw_cid(kWorld), kWorld}, {raw_cid("x"), "x"}}));
  const Store::ScanReport report = store.scan();
  CHECK(report.is_being_written);
  CHECK_FALSE(report.holdings);
  folder.age("a.car", 5);
  CHECK(roots_after(store) == 1);
  CHECK(holds(store, kWorld));
  CHECK_FALSE(holds(store, kHello));
}

TEST_CASE("a damaged block is as good as absent and another copy is found", "[l2][store]") {
  const TempFolder folder;
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), "hellO"}}));
  Store store(folder.path());
  (void)store.scan();
  CHECK_FALSE(holds(store, kHello));
  CHECK(store.totals().damaged_blocks == 1);
  folder.write("b.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  (void)store.scan();
  CHECK(holds(store, kHello));
}

TEST_CASE("a broken file does not disturb the others", "[l2][store]") {
  const TempFolder folder;
  folder.write("a.car", as_bytes("<html>not found</html>"));
  folder.write("b.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  std::filesystem::create_directory(folder.at("c.car"));
  REQUIRE(mkfifo(folder.at("d.car").c_str(), 0600) == 0);
  Store store(folder.path());
  CHECK(roots_after(store) == 1);
  CHECK(holds(store, kHello));
}

TEST_CASE("the payload of a CARv2 is served", "[l2][store]") {
  const std::string name = GENERATE(as<std::string>{}, "indexed", "noindex", "padded");
  const TempFolder folder;
  folder.write("a.car", read_fixture("valid/carv2-" + name + ".car"));
  Store store(folder.path());
  CHECK(roots_after(store) == 1);
  CHECK(store.totals().blocks > 3);
}

TEST_CASE("an L2 keeps the id it made", "[l2][store]") {
  const TempFolder folder;
  const auto made = own_id(folder.path());
  REQUIRE(made);
  CHECK(made->size() == 36);
  CHECK(*own_id(folder.path()) == *made);
  folder.write(".daphnis-l2-id", as_bytes("no good\n"));
  CHECK(own_id(folder.path()).error().code == Errc::kMalformed);
  folder.write(".daphnis-l2-id", as_bytes("home-7\n"));
  CHECK(*own_id(folder.path()) == "home-7");
}

TEST_CASE("one store is locked once and free when its L2 goes", "[l2][store]") {
  const TempFolder folder;
  {
    const auto lock = StoreLock::take(folder.path());
    REQUIRE(lock);
    const auto other = StoreLock::take(folder.path() + "/.");
    REQUIRE_FALSE(other);
    CHECK(other.error().code == Errc::kInvalid);
    CHECK(other.error().detail.find("another daphnis-l2 serves the store") != std::string::npos);
    CHECK(folder.entries() == 0);
  }
  CHECK(StoreLock::take(folder.path()));
  CHECK(StoreLock::take(folder.at("absent")).error().code == Errc::kSystem);
}

TEST_CASE("the suffix of a CAR is read in any case", "[l2][store]") {
  const TempFolder folder;
  folder.write("A.CAR", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  folder.write("b.Car", car_of(raw_cid(kWorld), {{raw_cid(kWorld), kWorld}}));
  folder.write("car", car_of(raw_cid("x"), {{raw_cid("x"), "x"}}));
  Store store(folder.path());
  CHECK(roots_after(store) == 2);
  CHECK(holds(store, kHello));
  CHECK(holds(store, kWorld));
  CHECK_FALSE(holds(store, "x"));
}

TEST_CASE("entries of a store that are not read are counted and logged on change", "[l2][store]") {
  const TempFolder folder;
  const auto told = [](Store& store) {
    std::vector<std::string> lines;
    for (const auto& [level, line] : store.scan().notes) {
      if (line.text().find("store_passed_over") == std::string::npos) continue;
      CHECK((level == LogLevel::kWarn) == (line.text().find("=1") != std::string::npos));
      lines.push_back(line.text());
    }
    return lines;
  };
  folder.write("a.car", car_of(raw_cid(kHello), {{raw_cid(kHello), kHello}}));
  folder.write(".hidden", as_bytes("x"));
  Store store(folder.path());
  CHECK(told(store).empty());
  std::filesystem::create_directory(folder.at("sub.car"));
  folder.write("film.mp4", as_bytes("x"));
  REQUIRE(symlink("nowhere", folder.at("gone.car").c_str()) == 0);
  const auto lines = told(store);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("folders=1 not_named_car=1 no_files=1 advice=") != std::string::npos);
  CHECK(told(store).empty());
  std::filesystem::remove_all(folder.at("sub.car"));
  std::filesystem::remove(folder.at("film.mp4"));
  std::filesystem::remove(folder.at("gone.car"));
  CHECK(told(store).size() == 1);
  CHECK(told(store).empty());
}
