#include "broker/uv/stats_file.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

TEST_CASE("a stats file that somebody could have planted is refused and left as it is") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const std::string victim = temp.path + "/victim";
  write_file(victim, as_bytes("precious"));
  std::filesystem::create_symlink(victim, temp.path + "/link");
  const auto link = StatsFile::open(loop, temp.path + "/link");
  REQUIRE_FALSE(link);
  CHECK(link.error().text().find("symbolic link") != std::string::npos);
  std::filesystem::permissions(temp.path, std::filesystem::perms(0775));
  CHECK_FALSE(StatsFile::open(loop, temp.path + "/stats"));
  std::filesystem::permissions(temp.path, std::filesystem::perms(0700));
  CHECK(StatsFile::open(loop, temp.path + "/stats"));
  CHECK(std::filesystem::file_size(victim) == 8);
}

}  // namespace
}  // namespace daphnis::broker::uv::test
