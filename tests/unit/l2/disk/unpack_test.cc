#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "common/base/varint.h"
#include "l2/disk/file.h"
#include "l2/disk/unpack.h"
#include "tests/fakes/fixtures.h"
#include "tests/unit/l2/disk/temp_folder.h"
#include "tests/unit/l2/disk/unpack_in.h"

using namespace daphnis;
using namespace daphnis::l2;
using namespace daphnis::test;

namespace {

/// The error of an unpack that must be refused; checks that no file but the CAR is left.
Error refusal(const Cid& root, const Sections& sections, const UnpackSettings& settings = {}) {
  const TempFolder folder;
  folder.write("in.car", car_of(root, sections));
  Error error;
  for (const bool is_stream : {false, true}) {
    const auto result = unpack_in(folder, is_stream, settings);
    REQUIRE_FALSE(result);
    CHECK(folder.entries() == 1);
    error = result.error();
  }
  return error;
}

DagNode leaf(std::string_view bytes) {
  return {raw_cid(bytes), bytes.size(), bytes.size()};
}

/// A UnixFS symbolic link as a section.
std::pair<Cid, std::string> symbolic_link(const std::string& target) {
  const std::string data =
      "\x08\x04\x12" + std::string(1, static_cast<char>(target.size())) + target;
  const std::string block = "\x0a" + std::string(1, static_cast<char>(data.size())) + data;
  return {sha256_cid(codec::kDagPb, as_bytes(block)), block};
}

Error refused_name(const std::string& name) {
  const auto root = directory({{name, leaf("one")}});
  return refusal(root.first, {root, {raw_cid("one"), "one"}});
}

Error refused_link(const std::string& target) {
  const auto link = symbolic_link(target);
  const auto inner = directory({{"link", {link.first, 0, 0}}});
  const auto root = directory({{"inner", {inner.first, 0, 0}}});
  return refusal(root.first, {root, inner, link});
}

}  // namespace

TEST_CASE("fixtures unpack alike from a file and from a stream", "[l2][unpack]") {
  const std::string name = GENERATE(
      as<std::string>{}, "raw-single", "raw-empty-block", "probe-bafkqaaa", "unixfs-small-dagpb",
      "unixfs-empty-file", "unixfs-1mib-256k", "unixfs-1mib-zeros-dups-y",
      "unixfs-1mib-zeros-dups-n", "cidv0-file", "cidv0-root-v1-header", "cidv0-links-v1-sections",
      "unixfs-trickle", "unixfs-1mib-4k-4ary", "hash/blake3", "hash/keccak-256");
  CAPTURE(name);
  const TempFolder folder;
  folder.write("in.car", read_fixture("valid/" + name + ".car"));
  REQUIRE(unpack_in(folder, false));
  const std::string content = folder.read("out");
  std::filesystem::remove(folder.at("out"));
  REQUIRE(unpack_in(folder, true));
  CHECK((folder.read("out") == content));
  if (name.starts_with("unixfs-1mib-zeros")) CHECK((content == std::string(1 << 20, '\0')));
  CHECK(folder.entries() == 2);
}

TEST_CASE("a sharded folder and a folder with a link come back whole", "[l2][unpack]") {
  const TempFolder folder;
  folder.write("in.car", read_fixture("valid/hamt-3000.car"));
  const auto result = unpack_in(folder, true);
  REQUIRE(result);
  CHECK(result->files == 3000);
  std::filesystem::remove_all(folder.at("out"));
  folder.write("in.car", read_fixture("valid/dir-mixed.car"));
  REQUIRE(unpack_in(folder, false));
  CHECK(std::filesystem::is_symlink(folder.at("out/link")));
}

TEST_CASE("blocks in any order unpack from a file and not from a stream", "[l2][unpack]") {
  const auto root = directory({{"a", leaf("one")}, {"b", leaf("two")}});
  const TempFolder folder;
  folder.write("in.car",
               car_of(root.first, {{raw_cid("two"), "two"}, {raw_cid("one"), "one"}, root}));
  CHECK(unpack_in(folder, true).error().code == Errc::kNotFound);
  CHECK(folder.entries() == 1);
  REQUIRE(unpack_in(folder, false));
  CHECK(folder.read("out/a") == "one");
  CHECK(folder.read("out/b") == "two");
}

TEST_CASE("repeats that a stream leaves out are found again", "[l2][unpack]") {
  // The same leaf twice in one file, the same file twice, the same folder twice.
  const std::vector<DagNode> parts{leaf("part"), leaf("part")};
  const auto file_block = encode_file_node(parts);
  const std::pair<Cid, std::string> file{sha256_cid(codec::kDagPb, file_block),
                                         text_of(file_block)};
  const auto inner = directory({{"x", node_above(parts, file_block)}, {"y", leaf("part")}});
  const auto root = directory({{"a", {inner.first, 0, 0}}, {"b", {inner.first, 0, 0}}});
  const TempFolder folder;
  folder.write("in.car", car_of(root.first, {root, inner, file, {raw_cid("part"), "part"}}));
  const auto result = unpack_in(folder, true);
  REQUIRE(result);
  CHECK(result->files == 4);
  for (const char* place : {"out/a/", "out/b/"}) {
    CHECK(folder.read(std::string(place) + "x") == "partpart");
    CHECK(folder.read(std::string(place) + "y") == "part");
  }
}

TEST_CASE("names that lead elsewhere or come twice are refused", "[l2][unpack]") {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("../x"),
        std::string("/etc/x"), std::string("a/b"), std::string("a\0b", 3)}) {
    CAPTURE(name);
    CHECK(refused_name(name).code == Errc::kInvalid);
  }
  const auto root = directory({{"a", leaf("one")}, {"a", leaf("two")}});
  const Error error = refusal(root.first, {root, {raw_cid("one"), "one"}, {raw_cid("two"), "two"}});
  CHECK(error.code == Errc::kInvalid);
}

TEST_CASE("symbolic links that may lead outside are refused", "[l2][unpack]") {
  for (const std::string target :
       {"/etc/passwd", "..//../x", "../../x", "a/../../../x", "a/..", "", "./../../.."}) {
    CAPTURE(target);
    CHECK(refused_link(target).code == Errc::kInvalid);
  }
  const auto alone = symbolic_link("x");
  CHECK(refusal(alone.first, {alone}).code == Errc::kInvalid);
}

TEST_CASE("symbolic links that stay inside are made", "[l2][unpack]") {
  for (const std::string target : {"x", "../x", "./x//y/", "..", "../inner/link"}) {
    const auto link = symbolic_link(target);
    const auto inner = directory({{"link", {link.first, 0, 0}}});
    const auto root = directory({{"inner", {inner.first, 0, 0}}});
    const TempFolder folder;
    folder.write("in.car", car_of(root.first, {root, inner, link}));
    REQUIRE(unpack_in(folder, true));
    CHECK(std::filesystem::read_symlink(folder.at("out/inner/link")) == target);
  }
}

TEST_CASE("a damaged or missing block leaves nothing behind", "[l2][unpack]") {
  const auto root = directory({{"a", leaf("one")}, {"b", leaf("two")}});
  const Error damaged =
      refusal(root.first, {root, {raw_cid("one"), "one"}, {raw_cid("two"), "twO"}});
  CHECK(damaged.code == Errc::kHashMismatch);
  CHECK(damaged.detail.find(raw_cid("two").text()) != std::string::npos);
  CHECK(refusal(root.first, {root, {raw_cid("one"), "one"}}).code == Errc::kNotFound);
  CHECK(refusal(root.first, {}).code == Errc::kNotFound);
}

TEST_CASE("a CAR that is cut anywhere is refused and leaves nothing behind", "[l2][unpack]") {
  const auto root = directory({{"a", leaf("one")}, {"b", leaf("two")}});
  const auto car = car_of(root.first, {root, {raw_cid("one"), "one"}, {raw_cid("two"), "two"}});
  const TempFolder folder;
  for (size_t size = 0; size < car.size(); ++size) {
    folder.write("in.car", Bytes(car).first(size));
    CAPTURE(size);
    CHECK_FALSE(unpack_in(folder, false));
    CHECK_FALSE(unpack_in(folder, true));
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("an existing file or folder is not overwritten", "[l2][unpack]") {
  const TempFolder folder;
  folder.write("in.car", car_of(raw_cid("one"), {{raw_cid("one"), "one"}}));
  folder.write("out", as_bytes("mine"));
  CHECK(unpack_in(folder, false).error().code == Errc::kInvalid);
  CHECK(folder.read("out") == "mine");
  std::filesystem::remove(folder.at("out"));
  REQUIRE(symlink("nowhere", folder.at("out").c_str()) == 0);
  CHECK(unpack_in(folder, false).error().code == Errc::kInvalid);
}

TEST_CASE("a small CAR that holds far too much is stopped", "[l2][unpack]") {
  // Ten levels of folders with ten times the same child: 10^10 files of nothing.
  Sections sections{{raw_cid(""), ""}};
  DagNode below = leaf("");
  for (int level = 0; level < 10; ++level) {
    std::vector<DagEntry> entries;
    for (int i = 0; i < 10; ++i) entries.push_back({std::to_string(i), below});
    sections.insert(sections.begin(), directory(entries));
    below = {sections.front().first, 0, 0};
  }
  UnpackSettings settings;
  settings.bytes_max = 1 << 20;
  CHECK(refusal(sections.front().first, sections, settings).code == Errc::kTooLarge);
}

TEST_CASE("a DAG that is no UnixFS is refused with an explanation", "[l2][unpack]") {
  const TempFolder folder;
  folder.write("in.car", read_fixture("valid/dag-cbor.car"));
  const auto result = unpack_in(folder, false);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kUnsupported);
  CHECK(result.error().detail.find("UnixFS") != std::string::npos);
}

TEST_CASE("blocks behind the end of a stream are counted", "[l2][unpack]") {
  const TempFolder folder;
  folder.write("in.car", car_of(raw_cid("one"), {{raw_cid("one"), "one"}, {raw_cid("x"), "x"}}));
  CHECK(unpack_in(folder, true)->left_over_blocks == 1);
}
