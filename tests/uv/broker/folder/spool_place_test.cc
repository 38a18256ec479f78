#include "broker/uv/folder/spool_place.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

/// A stand-in for /dev/shm, where anybody may make files.
struct SharedFolder : TempFolder {
  SharedFolder() {
    fs::permissions(path, fs::perms(01777));
    base = path + "/daphnis-0123456789abcdef";
  }
  SpoolPlace take() {
    return take_spool_place(base, [this] { return ++randoms; });
  }
  [[nodiscard]] size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), {}));
  }
  std::string base;
  uint64_t randoms = 0;
};

/// A number that no living process has.
pid_t dead_pid() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  return child;
}

void give_away(const std::string& path) {
  INFO("this test gives a folder to another user, which takes root");
  REQUIRE(::lchown(path.c_str(), kNobody, kNobody) == 0);
}

TEST_CASE("spools go to the same folder in every life") {
  SharedFolder shared;
  for (int life = 0; life < 2; ++life) {
    const SpoolPlace place = shared.take();
    CHECK(place.dir == shared.base);
    CHECK(place.lack.empty());
    struct stat about {};
    REQUIRE(::stat(place.dir.c_str(), &about) == 0);
    CHECK((about.st_mode & 07777U) == 0700);
  }
}

TEST_CASE("a squatted spool folder is left alone and another name is taken") {
  SharedFolder shared;
  fs::create_directory(shared.base);
  give_away(shared.base);
  const SpoolPlace place = shared.take();
  CHECK(place.dir == shared.base + "-0000000000000001");
  CHECK(place.lack.find("belongs to user 65534") != std::string::npos);
  CHECK(fs::is_empty(shared.base));
  fs::remove(shared.base);
  fs::create_directory_symlink(shared.path, shared.base);
  give_away(shared.base);
  CHECK(shared.take().dir == shared.base + "-0000000000000002");
  fs::remove(shared.base);
  write_file(shared.base, as_bytes("a file"));
  CHECK(shared.take().dir == shared.base + "-0000000000000003");
}

TEST_CASE("a living broker keeps its spool folder, whoever else starts") {
  SharedFolder shared;
  const SpoolPlace first = shared.take();
  const SpoolPlace second = shared.take();
  CHECK(first.dir == shared.base);
  CHECK(second.dir == shared.base + "-0000000000000001");
  const SpoolPlace third = shared.take();
  CHECK(third.dir == shared.base + "-0000000000000002");
  CHECK(shared.entries() == 3);
}

TEST_CASE("where no spool folder can be had there is none") {
  SharedFolder shared;
  shared.base = shared.path + "/missing/" + "daphnis-0123456789abcdef";
  write_file(shared.path + "/missing", as_bytes("no folder"));
  const SpoolPlace place = shared.take();
  CHECK(place.dir.empty());
  CHECK_FALSE(place.lack.empty());
}

TEST_CASE("the next start removes what a killed broker left under another name") {
  SharedFolder shared;
  fs::create_directory(shared.base);
  give_away(shared.base);
  const std::string left = shared.take().dir;
  const std::string dead = std::to_string(dead_pid());
  write_file(left + "/0-" + dead + "-7", as_bytes("of a dead worker"));
  write_file(left + "/filter-" + dead + "-0", as_bytes("of a dead broker"));
  CHECK(shared.take().dir != left);
  CHECK_FALSE(fs::exists(left));
  // A living worker may still use its folder, and folders of other users are left alone.
  const std::string busy = shared.take().dir;
  write_file(busy + "/0-" + std::to_string(::getpid()) + "-1", as_bytes("of a living worker"));
  const std::string theirs = shared.base + "-theirs";
  fs::create_directory(theirs);
  write_file(theirs + "/0-" + dead + "-1", as_bytes("theirs"));
  give_away(theirs);
  fs::remove(shared.base);
  CHECK(shared.take().dir == shared.base);
  CHECK(fs::exists(busy));
  CHECK_FALSE(fs::is_empty(theirs));
  CHECK(shared.entries() == 3);
}

}  // namespace
}  // namespace daphnis::broker::uv::test
