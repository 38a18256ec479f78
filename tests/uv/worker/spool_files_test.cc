#include "worker/uv/spool_files.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace daphnis::worker::uv {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A folder, and a loop to wait on.
struct Desk {
  Desk() {
    char name[] = "/tmp/daphnis-spool-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
  }
  ~Desk() { std::filesystem::remove_all(folder); }

  FileJobDone run(FileJob job) {
    files.start(std::move(job));
    while (done.empty()) loop.run_once();
    FileJobDone out = std::move(done.front());
    done.erase(done.begin());
    return out;
  }

  std::string folder;
  daphnis::uv::Loop loop;
  std::vector<FileJobDone> done;
  SpoolFiles files{loop, [this](FileJobDone one) { done.push_back(std::move(one)); }};
};

}  // namespace

TEST_CASE("a file is made, written, read by name, synced and unlinked") {
  Desk desk;
  const std::string path = desk.folder + "/1";
  const FileJobDone made = desk.run({.kind = FileJob::Kind::kCreate, .owner = 7, .path = path});
  REQUIRE(made.error == 0);
  CHECK(made.owner == 7);
  REQUIRE(made.file);
  CHECK(desk.run({.kind = FileJob::Kind::kCreate, .path = path}).error == EEXIST);

  std::string wanted = "....";
  Slices data;
  for (size_t i = 0; i < 200; ++i) {  // The slices are more than one system call takes.
    const std::string part(i, static_cast<char>('a' + i % 26));
    wanted += part;
    data.push_back(Slice::copy_of(as_bytes(part)));
  }
  const FileJobDone written =
      desk.run({.kind = FileJob::Kind::kWrite, .file = made.file, .offset = 4, .data = data});
  CHECK(written.error == 0);
  CHECK(written.offset == 4);
  wanted.replace(0, 4, 4, '\0');
  CHECK(content_of(path) == wanted);
  CHECK(desk.run({.kind = FileJob::Kind::kSync, .file = made.file}).error == 0);
  const FileJobDone opened = desk.run({.kind = FileJob::Kind::kOpen, .path = path});
  CHECK(opened.error == 0);
  CHECK(opened.path == path);
  CHECK(opened.file);
  CHECK(desk.run({.kind = FileJob::Kind::kUnlink, .path = path}).error == 0);
  CHECK(desk.run({.kind = FileJob::Kind::kUnlink, .path = path}).error == 0);
  CHECK(desk.run({.kind = FileJob::Kind::kOpen, .path = path}).error == ENOENT);
}

TEST_CASE("jobs that may wait are done together and each tells how it went") {
  Desk desk;
  const auto job = [&](uint64_t owner, const std::string& name) {
    return FileJob{.kind = FileJob::Kind::kCreate,
                   .owner = owner,
                   .path = desk.folder + name,
                   .data = {Slice::copy_of(as_bytes(name))},
                   .may_wait = true};
  };
  desk.files.start(job(1, "/1"));
  desk.files.start(job(2, "/none/2"));
  desk.files.start(job(3, "/3"));
  CHECK_FALSE(desk.files.is_idle());
  // Other jobs do not wait with them.
  CHECK(desk.run({.kind = FileJob::Kind::kUnlink, .path = desk.folder + "/0"}).error == 0);
  while (desk.done.size() < 3) desk.loop.run_once();
  CHECK(desk.done[0].owner == 1);
  CHECK(desk.done[1].error == ENOENT);
  CHECK_FALSE(desk.done[1].file);
  CHECK(desk.done[2].error == 0);
  CHECK(content_of(desk.folder + "/1") == "/1");
  CHECK(content_of(desk.folder + "/3") == "/3");
  CHECK(desk.files.is_idle());
}

TEST_CASE("what is no regular file is not opened") {
  Desk desk;
  const std::string link = desk.folder + "/link";
  std::filesystem::create_symlink("/etc/passwd", link);
  CHECK(desk.run({.kind = FileJob::Kind::kOpen, .path = link}).error != 0);
  CHECK(desk.run({.kind = FileJob::Kind::kOpen, .path = desk.folder}).error != 0);
}

TEST_CASE("a write to a file that takes none says so") {
  Desk desk;
  const std::string path = desk.folder + "/1";
  desk.run({.kind = FileJob::Kind::kCreate, .path = path});
  const FileJobDone opened = desk.run({.kind = FileJob::Kind::kOpen, .path = path});
  const Slices data{Slice::copy_of(as_bytes("x"))};
  const FileJobDone written =
      desk.run({.kind = FileJob::Kind::kWrite, .file = opened.file, .data = data});
  CHECK(written.error == EBADF);
}

TEST_CASE("jobs that are under way let go of their memory when the desk is cleared") {
  BufferPool pool;  // The pool checks at its end that all buffers have come back.
  daphnis::uv::Loop loop;
  Desk desk;
  const FileJobDone made = desk.run({.kind = FileJob::Kind::kCreate, .path = desk.folder + "/1"});
  SpoolFiles files(loop, [](FileJobDone) {});
  for (uint64_t i = 0; i < 20; ++i) {
    const BufferRef buffer = pool.take();
    files.start({.kind = FileJob::Kind::kWrite,
                 .file = made.file,
                 .offset = i * buffer.capacity(),
                 .data = {Slice{buffer, buffer.data(), buffer.capacity()}}});
  }
}

}  // namespace daphnis::worker::uv
