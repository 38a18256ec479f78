#include "common/uv/owned_path.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/uv/stream.h"

namespace daphnis::uv {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

/// A folder that other users may enter; removed at the end. Tests that give files to other users
/// need root.
struct Ground {
  Ground() {
    std::string name = (fs::temp_directory_path() / "daphnis-owned-XXXXXX").string();
    path = ::mkdtemp(name.data());
    fs::permissions(path, fs::perms(0755));
  }
  ~Ground() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  [[nodiscard]] std::string folder(const std::string& name, mode_t mode = 0755) const {
    fs::create_directory(path + "/" + name);
    fs::permissions(path + "/" + name, fs::perms(mode));
    return path + "/" + name;
  }
  [[nodiscard]] std::string file(const std::string& name, mode_t mode = 0644) const {
    std::ofstream(path + "/" + name) << "what was there";
    fs::permissions(path + "/" + name, fs::perms(mode));
    return path + "/" + name;
  }
  std::string path;
};

void give_away(const std::string& path) {
  INFO("this test gives a file to another user, which takes root");
  REQUIRE(::lchown(path.c_str(), kNobody, kNobody) == 0);
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// True where the result is refused by the rule with these words.
template <class T>
void check_refused(const Result<T>& result, const std::string& words) {
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kInvalid);
  INFO(result.error().text());
  CHECK(result.error().text().find(words) != std::string::npos);
}

TEST_CASE("a folder is made with all folders above it and is ours") {
  const Ground ground;
  REQUIRE(make_owned_folder(ground.path + "/a/b//c/", 0750));
  CHECK(fs::is_directory(ground.path + "/a/b/c"));
  CHECK(open_owned_folder(ground.path + "/a/../a/./b/c"));
  CHECK(make_owned_folder(ground.path + "/a/b/c", 0750));
  const auto missing = open_owned_folder(ground.path + "/x");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().sys == ENOENT);
}

TEST_CASE("a folder that others may write is refused with words on how to mend it") {
  const Ground ground;
  for (const mode_t mode : {0775, 0757, 0777, 01777}) {
    const std::string path = ground.folder("open", mode);
    check_refused(open_owned_folder(path), "chmod go-w " + path);
    check_refused(make_owned_folder(path, 0750), "chmod go-w " + path);
  }
  for (const mode_t mode : {0775, 0777}) {
    const std::string path = ground.folder("open", mode);
    check_refused(make_owned_folder(path + "/below", 0750), "chmod go-w " + path);
    check_refused(open_owned_file(path + "/f", O_WRONLY | O_CREAT), "chmod go-w " + path);
  }
  REQUIRE(make_owned_folder(ground.folder("open", 01777) + "/below", 0750));
}

TEST_CASE("a folder of somebody else is refused wherever it is on the way") {
  const Ground ground;
  const std::string path = ground.folder("theirs");
  REQUIRE(make_owned_folder(path + "/below", 0750));
  give_away(path);
  check_refused(open_owned_folder(path), "belongs to user 65534");
  check_refused(open_owned_folder(path + "/below"), "chown " + std::to_string(::geteuid()));
  check_refused(open_owned_file(path + "/f", O_WRONLY | O_CREAT), "belongs to user 65534");
}

TEST_CASE("links on the way are followed where they are ours and refused where they are not") {
  const Ground ground;
  REQUIRE(make_owned_folder(ground.path + "/real/deep", 0750));
  fs::create_directory_symlink("real/deep", ground.path + "/relative");
  fs::create_directory_symlink(ground.path + "/real", ground.path + "/absolute");
  fs::create_directory_symlink("loop", ground.path + "/loop");
  CHECK(open_owned_folder(ground.path + "/relative"));
  CHECK(open_owned_folder(ground.path + "/absolute/deep"));
  const auto loop = open_owned_folder(ground.path + "/loop");
  REQUIRE_FALSE(loop);
  CHECK(loop.error().sys == ELOOP);
  give_away(ground.path + "/absolute");
  check_refused(open_owned_folder(ground.path + "/absolute/deep"), "belongs to user 65534");
  // The end of a link is checked as if the path had named it.
  const std::string open = ground.folder("sticky", 01777);
  fs::create_directory_symlink(open, ground.path + "/to-sticky");
  check_refused(open_owned_folder(ground.path + "/to-sticky"), "may be written by others");
  fs::create_directory_symlink(".", open + "/dot");
  check_refused(open_owned_folder(open + "/dot"), "may be written by others");
}

TEST_CASE("an entry of a folder of ours must be a folder of ours too") {
  const Ground ground;
  const auto top = open_owned_folder(ground.path);
  REQUIRE(top);
  const auto make = [&](const std::string& name) {
    return make_owned_folder_in(top->get(), ground.path, name, 0750);
  };
  REQUIRE(make("new"));
  REQUIRE(make("new"));
  fs::create_directory_symlink("new", ground.path + "/link");
  check_refused(make("link"), "is no folder");
  (void)ground.file("file");
  check_refused(make("file"), "is no folder");
  (void)ground.folder("open", 01777);
  check_refused(make("open"), "chmod");
  give_away(ground.folder("theirs"));
  check_refused(make("theirs"), "belongs to user");
}

TEST_CASE("a file is opened through no link and left alone where it is not ours") {
  const Ground ground;
  const std::string victim = ground.file("victim");
  fs::create_symlink(victim, ground.path + "/link");
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  check_refused(open_owned_file(ground.path + "/link", kFlags), "symbolic link");
  check_refused(open_owned_file(ground.file("open", 0664), kFlags), "may be written by others");
  const std::string theirs = ground.file("theirs");
  give_away(theirs);
  check_refused(open_owned_file(theirs, kFlags), "belongs to user");
  const std::string sticky = ground.folder("sticky", 01777);
  fs::create_hard_link(victim, sticky + "/second");
  check_refused(open_owned_file(sticky + "/second", kFlags), "second name");
  for (const std::string& path : {victim, theirs, ground.path + "/open"}) {
    CHECK(text_of(path) == "what was there");
  }
  REQUIRE(open_owned_file(victim, kFlags));
  CHECK(text_of(victim).empty());
  CHECK(open_owned_file("/dev/null", O_WRONLY));
}

TEST_CASE("an ordinary user may use folders of root") {
  const Ground ground;
  const std::string theirs = ground.folder("theirs");
  give_away(theirs);
  REQUIRE(::seteuid(kNobody) == 0);
  const bool is_opened = open_owned_folder(theirs).has_value();
  const bool is_made = make_owned_folder(theirs + "/below", 0750).has_value();
  const bool is_roots = open_owned_folder(ground.path).has_value();
  REQUIRE(::seteuid(0) == 0);
  CHECK(is_opened);
  CHECK(is_made);
  CHECK(is_roots);
}

/// Binds a Unix socket, and listens on it where `is_listening`.
UniqueFd socket_at(const std::string& path, bool is_listening) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  if (is_listening) REQUIRE(::listen(fd.get(), 1) == 0);
  return fd;
}

TEST_CASE("a listener removes a dead socket of ours and nothing else") {
  const Ground ground;
  Loop loop;
  const std::string path = ground.path + "/s";
  const auto listen = [&] { return IpcListener::create(loop, path, [](auto) {}); };
  (void)ground.file("s");
  check_refused(listen(), "is no socket");
  CHECK(text_of(path) == "what was there");
  fs::remove(path);
  (void)ground.file("victim");
  fs::create_symlink("victim", path);
  check_refused(listen(), "is no socket");
  CHECK(fs::is_symlink(path));
  fs::remove(path);
  {
    const UniqueFd living = socket_at(path, true);
    check_refused(listen(), "living process");
    CHECK(fs::is_socket(path));
  }
  give_away(path);
  check_refused(listen(), "belongs to user");
  CHECK(fs::is_socket(path));
  fs::remove(path);
  (void)socket_at(path, false);
  CHECK(listen());
}

TEST_CASE("a listener is refused in a folder where others could take its socket away") {
  const Ground ground;
  Loop loop;
  const std::string open = ground.folder("open", 0775);
  check_refused(IpcListener::create(loop, open + "/s", [](auto) {}), "chmod go-w");
  CHECK(fs::is_empty(open));
  const std::string sticky = ground.folder("sticky", 01777);
  CHECK(IpcListener::create(loop, sticky + "/s", [](auto) {}));
}

}  // namespace
}  // namespace daphnis::uv
