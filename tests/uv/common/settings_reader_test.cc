#include "common/uv/settings_reader.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/base/byte_size.h"

namespace daphnis::uv {
namespace {

using Catch::Contains;

/// A program with one setting of each kind.
struct Program {
  explicit Program(bool has_required = false) {
    settings.add_number("tries", tries, 1U, 32U, "How often");
    settings.add_size("limit", limit, uint64_t{1024}, uint64_t{1} << 40, "How much");
    settings.add_address("listen", listen, 1, "Where");
    settings.add_ranges("trust-proxy", trusted, "Whom");
    settings.add_word("log-level", level, {"debug", "info"}, "What");
    if (has_required) settings.add("socket", socket, "Which")->required();
    settings.begin_command("serve", "Serves");
    settings.add_number("capacity", capacity, 1U, 256U, "At once");
  }

  std::optional<SettingsReader::End> judge(std::vector<const char*> words) {
    words.insert(words.begin(), "program");
    return settings.judge(static_cast<int>(words.size()), words.data());
  }
  /// The complaint about these words; empty where there is none.
  std::string complaint(std::vector<const char*> words) {
    const auto end = judge(std::move(words));
    if (!end) return "";
    CHECK(end->exit_code == 2);
    CHECK_THAT(end->text, Catch::StartsWith("program: "));
    return end->text;
  }

  SettingsReader settings{"program", "Does things"};
  uint32_t tries = 3;
  uint64_t limit = 10 << 20;
  std::vector<std::string> listen = {"127.0.0.1:1"};
  std::vector<std::string> trusted;
  std::string level = "info";
  std::string socket;
  uint32_t capacity = 3;
};

/// A settings file for one test.
struct File {
  explicit File(const std::string& text) {
    char name[] = "/tmp/settings-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
    std::ofstream(path) << text;
  }
  ~File() { std::filesystem::remove(path); }
  std::string path;
};

std::string complaint_of_file(const std::string& text) {
  const File file(text);
  std::string found = Program().complaint({"--config", file.path.c_str()});
  if (const size_t at = found.find(file.path); at != std::string::npos) {
    found.replace(at, file.path.size(), "FILE");
  }
  return found;
}

struct Variable {
  Variable(const char* of, const char* value) : name(of) { setenv(of, value, 1); }
  ~Variable() { unsetenv(name); }
  const char* name;
};

}  // namespace

TEST_CASE("an error in a file names file, line, key and value") {
  CHECK_THAT(complaint_of_file("# head\n\ntries = 99\n"), Contains("FILE:3: tries = 99: "));
  CHECK_THAT(complaint_of_file("tries = 99"), Contains("32"));
  CHECK_THAT(complaint_of_file("tries = many"), Contains("FILE:1: tries = many: "));
  CHECK_THAT(complaint_of_file("\nlimit = 10Q\n"),
             Contains("FILE:2: limit = 10Q: not a size like 4096, 256M or 10GiB"));
  CHECK_THAT(complaint_of_file("limit = 1000"), Contains("FILE:1: limit = 1000: "));
  CHECK_THAT(complaint_of_file("listen = \"localhost\""),
             Contains("FILE:1: listen = \"localhost\": not an address"));
  CHECK_THAT(complaint_of_file("log-level=loud"),
             Contains("FILE:1: log-level = loud: none of debug, info"));
}

TEST_CASE("an unknown key is named with the nearest known one") {
  CHECK_THAT(complaint_of_file("\ntreis = 3\n"), Contains("FILE:2: treis = 3: unknown key"));
  CHECK_THAT(complaint_of_file("trie = 3"), Contains("FILE:1: trie = 3: unknown key; did you mean "
                                                     "tries?"));
  CHECK_THAT(complaint_of_file("x"), Contains("FILE:1: x: unknown key"));
  CHECK_THAT(complaint_of_file("config = f"), Contains("unknown key"));
  CHECK_THAT(complaint_of_file("[serv]\ncapacity = 3\n"), Contains("FILE:2: unknown section"));
  CHECK_THAT(complaint_of_file("[serve]\ncapcity = 3\n"),
             Contains("FILE:2: capcity = 3: unknown key; did you mean capacity?"));
}

TEST_CASE("a good file with sections, lists over lines and comments is read") {
  const File file(
      "tries = 7 # enough\nlimit = \"1 GiB\"\n; old style\nlisten = [\"127.0.0.1:8080\",\n"
      "  \"[::1]:8080\"]\nserve.capacity = 9\n");
  Program program;
  CHECK(program.complaint({"serve", "--config", file.path.c_str()}).empty());
  CHECK(program.tries == 7);
  CHECK(program.limit == 1 << 30);
  CHECK(program.listen == std::vector<std::string>{"127.0.0.1:8080", "[::1]:8080"});
  CHECK(program.capacity == 9);
}

TEST_CASE("an error in a variable or a flag names it with its value") {
  {
    const Variable tries("DAPHNIS_TRIES", "0");
    CHECK_THAT(Program().complaint({}), Contains("DAPHNIS_TRIES=0: "));
    CHECK_THAT(Program().complaint({"--tries", "99"}), Contains("--tries 99: "));
    CHECK(Program().complaint({"--tries", "9"}).empty());
    const File file("tries = 50");
    CHECK_THAT(Program().complaint({"--config", file.path.c_str()}), Contains(":1: tries = 50: "));
  }
  CHECK_THAT(Program().complaint({"--listen=127.0.0.1:0"}), Contains("--listen 127.0.0.1:0: "));
  CHECK_THAT(Program().complaint({"--limit", "-1"}), Contains("--limit"));
  CHECK_THAT(Program().complaint({"--config", "/nonexistent/f"}),
             Contains("--config: cannot read /nonexistent/f"));
}

TEST_CASE("an unknown flag is called unknown, also where something required is missing") {
  CHECK_THAT(Program(true).complaint({"--socet", "x"}),
             Contains("unknown flag --socet; did you mean --socket?"));
  CHECK_THAT(Program(true).complaint({"--verbose=1"}), Contains("unknown flag --verbose\n"));
  CHECK_THAT(Program().complaint({"serve", "--capacty", "3"}),
             Contains("unknown flag --capacty; did you mean --capacity?"));
  CHECK_THAT(Program().complaint({"word"}), Contains("unknown argument word"));
  CHECK_THAT(Program(true).complaint({}), Contains("--socket is required"));
}

TEST_CASE("a check of the settings ends the program either way") {
  const auto good = Program().judge({"--check-config", "--tries", "9"});
  REQUIRE(good);
  CHECK(good->exit_code == 0);
  CHECK(good->text == "program: the settings are good\n");
  CHECK_THAT(Program().complaint({"--check-config", "--tries", "99"}), Contains("--tries 99"));
  CHECK_THAT(Program(true).complaint({"--check-config"}), Contains("--socket is required"));
  Program more;
  more.settings.set_checks_more();
  CHECK_FALSE(more.judge({"--check-config"}));
  CHECK(more.settings.checks_only());
}

TEST_CASE("help and version are printed before the settings are checked") {
  const auto help = Program(true).judge({"--help"});
  REQUIRE(help);
  CHECK(help->exit_code == 0);
  CHECK_THAT(help->text, Contains("--limit") && Contains("=10M") && Contains("--check-config"));
  const auto version = Program().judge({"--version"});
  REQUIRE(version);
  CHECK(version->exit_code == 0);
  CHECK_THAT(version->text, Catch::StartsWith("program "));
}

TEST_CASE("sizes are read as CLI11's AsSizeValue reads them") {
  for (const char* const text :
       {"0", "4096", "64K", "64k", "64KB", "64kib", "64Ki", "10 GiB", "3b", "1e", "5 mb", "2T",
        "1P", "7 tIb", "10Q", "1.5G", "1KBB", "99999999999E", "18446744073709551615"}) {
    CAPTURE(text);
    std::string theirs = text;
    bool taken = true;
    try {
      const std::string why = CLI::AsSizeValue(false)(theirs);
      taken = why.empty();
    } catch (const CLI::Error&) {
      taken = false;
    }
    uint64_t ours = 0;
    REQUIRE(parse_byte_size(text, ours) == taken);
    if (taken) CHECK(std::to_string(ours) == theirs);
  }
}

TEST_CASE("ranges of addresses may be repeated and have commas between", "[uv][settings]") {
  Program program;
  CHECK_FALSE(program.judge({"--trust-proxy", "10.0.0.0/8,192.0.2.1", "--trust-proxy", "::1"}));
  CHECK(program.trusted == std::vector<std::string>{"10.0.0.0/8", "192.0.2.1", "::1"});
  const CidrSet set = to_cidr_set(program.trusted);
  CHECK(set.contains(*IpAddress::parse("10.9.9.9")));
  CHECK(set.contains(*IpAddress::parse("::1")));
  CHECK_FALSE(set.contains(*IpAddress::parse("192.0.2.2")));
}

TEST_CASE("a range that is mistyped is named in the complaint", "[uv][settings]") {
  CHECK_THAT(Program().complaint({"--trust-proxy", "10.0.0.0/8,proxy.example"}),
             Contains("not a range of addresses: \"proxy.example\""));
  CHECK_THAT(Program().complaint({"--trust-proxy", "10.0.0.1/8"}), Contains("bits set behind"));
}

}  // namespace daphnis::uv
