#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "l2/core/file_tree.h"
#include "l2/disk/pack.h"
#include "l2/disk/unpack.h"
#include "tests/unit/l2/disk/temp_folder.h"

using namespace daphnis;
using namespace daphnis::l2;
using namespace daphnis::test;

namespace {

std::string root_of_file(const std::string& content) {
  const TempFolder folder;
  folder.write("in", as_bytes(content));
  const auto packed = pack(folder.at("in"), folder.at("out.car"), {});
  REQUIRE(packed);
  CHECK(folder.entries() == 2);
  REQUIRE(unpack(folder.at("out.car"), folder.at("back"), {}));
  CHECK((folder.read("back") == content));
  return packed->root.text();
}

}  // namespace

// The CIDs are those that `ipfs-car pack --no-wrap` (version 3.1.0) prints for the same bytes.
TEST_CASE("a file gets the CID that ipfs-car gives it", "[l2][pack]") {
  CHECK(root_of_file("") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  CHECK(root_of_file("hello\n") == "bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am");
  CHECK(root_of_file(std::string(kLeafBytes + 1, '\0')) ==
        "bafybeihd4yzq7n5umhjngdum4r6k2to7egxfkf2jz6thvwzf6djus22cmq");
}

TEST_CASE("a file of more leaves than a node has links gets two levels", "[l2][pack]") {
  const std::vector<uint8_t> zeros(kLeafBytes);
  FileTree tree;
  for (size_t i = 0; i < kLinksMax; ++i) tree.add_leaf(zeros);
  tree.add_leaf(Bytes(zeros).first(1));
  tree.finish();
  CHECK(tree.root().cid.text() == "bafybeigx4uyebjbq65346xh6cjrt6yshbdudzudhnqecwbzvymslxj7gje");
  CHECK(tree.root().file_size == kLeafBytes * kLinksMax + 1);
  size_t leaves = 0;
  size_t nodes = 0;
  FileTree::Walk walk(tree);
  while (const auto step = walk.next()) {
    if (step->leaf) {
      CHECK(*step->leaf == leaves);
      ++leaves;
    } else {
      CHECK(sha256_cid(codec::kDagPb, step->block) == step->cid);
      ++nodes;
      // The root, its first child above all leaves but the last, and its second above the last.
      CHECK(leaves == (nodes < 3 ? 0 : kLinksMax));
    }
  }
  CHECK(leaves == kLinksMax + 1);
  CHECK(nodes == 3);
}

TEST_CASE("a folder gets the CID that ipfs-car gives it", "[l2][pack]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder.at("in/sub"));
  folder.write("in/a", as_bytes(std::string(kLeafBytes + 1, '\0')));
  folder.write("in/b", as_bytes("hello\n"));
  folder.write("in/sub/c", as_bytes("hello\n"));
  folder.write("in/.hidden", as_bytes("x"));
  REQUIRE(symlink("b", folder.at("in/link").c_str()) == 0);
  const auto packed = pack(folder.at("in"), folder.at("out.car"), {});
  REQUIRE(packed);
  CHECK(packed->root.text() == "bafybeiho7nkesbqalzgofppfheftldhd52daivuvzckw4qzjcavfdtfs7i");
  CHECK(packed->files == 3);
  CHECK(packed->hidden_left_out == 1);
  CHECK(packed->others_left_out == 1);
  CHECK(pack(folder.at("in"), folder.at("all.car"), {.with_hidden = true})->files == 4);
}

TEST_CASE("folders come back as they were with the empty ones", "[l2][pack]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder.at("in/one/two/three"));
  std::filesystem::create_directories(folder.at("in/none"));
  folder.write("in/one/two/three/deep", as_bytes("deep"));
  folder.write("in/one/same", as_bytes("deep"));
  folder.write("in/Zoë", as_bytes(""));
  REQUIRE(pack(folder.at("in"), folder.at("out.car"), {}));
  REQUIRE(unpack(folder.at("out.car"), folder.at("back"), {}));
  CHECK(folder.read("back/one/two/three/deep") == "deep");
  CHECK(folder.read("back/one/same") == "deep");
  CHECK(folder.read("back/Zoë").empty());
  CHECK(std::filesystem::is_empty(folder.at("back/none")));
}

TEST_CASE("the root is first and each block is in the CAR once", "[l2][pack]") {
  const TempFolder folder;
  folder.write("in", as_bytes(std::string(3 * kLeafBytes, 'z')));
  const auto packed = pack(folder.at("in"), folder.at("out.car"), {});
  REQUIRE(packed);
  const std::string car = folder.read("out.car");
  CHECK(car.size() < kLeafBytes + 1000);
  CarReader reader;
  Bytes rest = as_bytes(car);
  while (true) {
    const CarReader::Step step = reader.step(rest);
    rest = rest.subspan(step.consumed);
    if (step.event == CarReader::Event::kSection) break;
    REQUIRE(step.event == CarReader::Event::kHeader);
  }
  CHECK(reader.cid() == packed->root);
}

TEST_CASE("an older CAR is replaced when that is wanted and a failed pack leaves it alone",
          "[l2][pack]") {
  const TempFolder folder;
  const PackSettings forced{.replaces = true};
  folder.write("out.car", as_bytes("old"));
  CHECK(pack(folder.at("absent"), folder.at("out.car"), forced).error().code == Errc::kNotFound);
  std::filesystem::create_directories(folder.at("in"));
  folder.write("in/\xff", as_bytes("x"));
  CHECK(pack(folder.at("in"), folder.at("out.car"), forced).error().code == Errc::kInvalid);
  CHECK(folder.read("out.car") == "old");
  CHECK(folder.entries() == 2);
  folder.write("file", as_bytes("x"));
  const auto refused = pack(folder.at("file"), folder.at("out.car"), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kInvalid);
  CHECK(refused.error().detail.find("--force") != std::string::npos);
  CHECK(folder.read("out.car") == "old");
  REQUIRE(pack(folder.at("file"), folder.at("out.car"), forced));
  CHECK(folder.read("out.car") != "old");
  CHECK(folder.entries() == 3);
  CHECK_FALSE(pack(folder.at("file"), folder.at("no/such/out.car"), {}));
}

TEST_CASE("a folder too large for one block is refused with an explanation", "[l2][pack]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder.at("in"));
  // 2 MiB hold 6,900 links of 255 + 48 bytes.
  for (int i = 0; i < 7'000; ++i) {
    std::string name = std::to_string(i);
    folder.write("in/" + name.append(255 - name.size(), 'n'), {});
  }
  const auto packed = pack(folder.at("in"), folder.at("out.car"), {});
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code == Errc::kTooLarge);
  CHECK(packed.error().detail.find("7000 entries") != std::string::npos);
}

TEST_CASE("a dash as a file is a standard stream or refused", "[l2][pack]") {
  const TempFolder folder;
  folder.write("in", as_bytes("hello\n"));
  REQUIRE(pack(folder.at("in"), folder.at("out.car"), {}));
  const int kept = dup(STDOUT_FILENO);
  const int output = open(folder.at("stdout").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(output >= 0);
  dup2(output, STDOUT_FILENO);
  close(output);
  const auto packed = pack(folder.at("in"), "-", {});
  dup2(kept, STDOUT_FILENO);
  close(kept);
  REQUIRE(packed);
  CHECK(folder.read("stdout") == folder.read("out.car"));
  CHECK_FALSE(std::filesystem::exists("-"));

  CHECK(pack("-", folder.at("other.car"), {}).error().code == Errc::kInvalid);
  CHECK(unpack(folder.at("out.car"), "-", {}).error().code == Errc::kInvalid);
  CHECK_FALSE(std::filesystem::exists("-"));
  CHECK(folder.entries() == 3);
}
