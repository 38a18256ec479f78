#include "broker/uv/line_file.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/uv/broker/folder/rig.h"

namespace daphnis::broker::uv::test {
namespace {

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// While it lives no file of this process grows beyond so many bytes, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit lower{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &lower);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

TEST_CASE("a file of lines that somebody could have planted is refused and left as it is") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const std::string victim = temp.path + "/victim";
  write_file(victim, as_bytes("precious"));
  std::filesystem::create_symlink(victim, temp.path + "/link");
  const auto link = LineFile::open(loop, temp.path + "/link");
  REQUIRE_FALSE(link);
  CHECK(link.error().text().find("symbolic link") != std::string::npos);
  std::filesystem::permissions(temp.path, std::filesystem::perms(0775));
  CHECK_FALSE(LineFile::open(loop, temp.path + "/stats"));
  std::filesystem::permissions(temp.path, std::filesystem::perms(0700));
  CHECK(LineFile::open(loop, temp.path + "/stats"));
  CHECK(std::filesystem::file_size(victim) == 8);
}

TEST_CASE("lines are in their file once the loop has run, also those that waited at the end") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const std::string path = temp.path + "/lines";
  std::string written;
  {
    const auto file = LineFile::open(loop, path);
    REQUIRE(file);
    for (int n = 0; n < 100; ++n) {
      const std::string line = "line " + std::to_string(n) + "\n";
      (*file)->write(line);
      written += line;
    }
    CHECK((*file)->lines_dropped() == 0);
  }
  loop.run();
  CHECK(text_of_file(path) == written);
}

TEST_CASE("after a rotation lines go on in the new file") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const std::string path = temp.path + "/lines";
  const auto file = LineFile::open(loop, path);
  REQUIRE(file);
  (*file)->write("one\n");
  std::filesystem::rename(path, path + ".1");
  REQUIRE((*file)->reopen());
  (*file)->write("two\n");
  loop.run();
  CHECK(text_of_file(path + ".1") == "one\n");
  CHECK(text_of_file(path) == "two\n");
}

TEST_CASE("lines beyond the bound are dropped and counted, and none is written in part") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const auto file = LineFile::open(loop, temp.path + "/lines");
  REQUIRE(file);
  const std::string line = std::string(kLineQueueBytesMax / 4 - 1, 'x') + "\n";
  for (int n = 0; n < 8; ++n) (*file)->write(line);  // One is being written, four wait.
  CHECK((*file)->lines_dropped() == 3);
  loop.run();
  CHECK(text_of_file(temp.path + "/lines").size() == 5 * line.size());
}

TEST_CASE("a file that takes no more costs whole lines, each of them counted") {
  const TempFolder temp;
  daphnis::uv::Loop loop;
  const std::string path = temp.path + "/lines";
  const auto file = LineFile::open(loop, path);
  REQUIRE(file);
  {
    const FileSizeLimit limit(10);
    (*file)->write("one 1\n");
    loop.run();
    (*file)->write("two 2\n");
    (*file)->write("three\n");
    loop.run();
    CHECK((*file)->lines_dropped() == 2);
  }
  (*file)->write("four\n");
  loop.run();
  CHECK(text_of_file(path) == "one 1\ntwo \nfour\n");
  CHECK((*file)->lines_dropped() == 2);
}

}  // namespace
}  // namespace daphnis::broker::uv::test
