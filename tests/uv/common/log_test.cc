#include "common/uv/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/uv/log_file.h"

namespace daphnis::uv {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A folder for log files; keeps the test's stderr and restores it at the end.
struct Place {
  Place() : stderr_kept(dup(STDERR_FILENO)) {
    char name[] = "/tmp/daphnis-log-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    folder = name;
  }
  ~Place() {
    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    std::filesystem::remove_all(folder);
  }
  std::string folder;
  int stderr_kept;
};

}  // namespace

TEST_CASE("a log that was renamed goes on under its name once it is opened again") {
  const Place place;
  const std::string path = place.folder + "/a.log";
  const LogFile file(path);
  REQUIRE(file.open());
  {
    Log log("test");
    log.info(LogLine("before"));
    REQUIRE(rename(path.c_str(), (path + ".1").c_str()) == 0);
    log.info(LogLine("between"));
    REQUIRE(file.open());
    log.info(LogLine("after"));
  }
  CHECK_THAT(text_of(path + ".1"),
             Catch::Contains("before") && Catch::Contains("between") && !Catch::Contains("after"));
  CHECK_THAT(text_of(path), Catch::Contains("after") && !Catch::Contains("between"));
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0137) == 0);
}

TEST_CASE("a log file that is a symbolic link is refused and the open one stays") {
  const Place place;
  const std::string path = place.folder + "/a.log";
  const LogFile file(path);
  REQUIRE(file.open());
  std::filesystem::remove(path);
  std::filesystem::create_symlink(place.folder + "/elsewhere", path);
  CHECK_FALSE(file.open());
  CHECK(fcntl(STDERR_FILENO, F_GETFL) >= 0);
  CHECK_FALSE(std::filesystem::exists(place.folder + "/elsewhere"));
}

TEST_CASE("while a full disk takes no lines the oldest are dropped and counted") {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  std::array<int, 2> pipe_ends{};
  REQUIRE(pipe2(pipe_ends.data(), O_CLOEXEC) == 0);
  REQUIRE(fcntl(pipe_ends[0], F_SETPIPE_SZ, 1 << 20) >= 0);
  constexpr uint64_t kLines = 20'000;
  {
    Log log("test", full);
    for (uint64_t i = 0; i < kLines; ++i) log.info(LogLine("line").add("n", i));
    dup2(pipe_ends[1], full);  // From here on there is space.
    log.info(LogLine("last"));
    const uint64_t dropped = log.lines_dropped();
    CHECK(dropped > 0);
    CHECK(dropped < kLines);
    std::string got(4 << 20, '\0');
    const ssize_t size = read(pipe_ends[0], got.data(), got.size());
    REQUIRE(size > 0);
    got.resize(static_cast<size_t>(size));
    const std::string first = "n=" + std::to_string(dropped) + "\n";
    CHECK_THAT(got.substr(0, got.find('\n') + 1), Catch::EndsWith(first));
  }
  close(full);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST_CASE("access lines do not depend on the level") {
  const Place place;
  const std::string path = place.folder + "/a.log";
  REQUIRE(LogFile(path).open());
  {
    Log log("test");
    log.set_level(LogLevel::kError);
    log.info(LogLine("unseen"));
    log.access(LogLine("access"));
  }
  CHECK_THAT(text_of(path), Catch::Contains("event=access") && !Catch::Contains("unseen"));
}

}  // namespace daphnis::uv
