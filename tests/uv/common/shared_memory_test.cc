#include "common/uv/shared_memory.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace daphnis::uv {
namespace {

constexpr size_t kSize = 8192;

std::string path_of_ours() {
  return "/dev/shm/daphnis-test-" + std::to_string(::getpid());
}

TEST_CASE("bytes written to shared memory are seen where it was opened") {
  const std::string path = path_of_ours();
  auto ours = SharedMemory::create(path, kSize);
  REQUIRE(ours);
  const auto theirs = SharedMemory::open(path, kSize);
  REQUIRE(theirs);
  REQUIRE((*theirs)->bytes().size() == kSize);
  CHECK((*theirs)->bytes()[kSize - 1] == 0);
  (*ours)->bytes()[kSize - 1] = 7;
  CHECK((*theirs)->bytes()[kSize - 1] == 7);
  ours->reset();
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK((*theirs)->bytes()[kSize - 1] == 7);
}

TEST_CASE("shared memory is refused where a page could be missing") {
  const std::string path = path_of_ours();
  CHECK_FALSE(SharedMemory::open(path, kSize));
  const auto ours = SharedMemory::create(path, kSize);
  REQUIRE(ours);
  CHECK_FALSE(SharedMemory::create(path, kSize));
  CHECK_FALSE(SharedMemory::open(path, kSize + 1));
  CHECK_FALSE(SharedMemory::create("/proc/self/none", kSize));
  CHECK_FALSE(SharedMemory::open("/proc/self/status", kSize));
  CHECK_FALSE(SharedMemory::open("/dev/shm", kSize));
}

}  // namespace
}  // namespace daphnis::uv
