#include "l2/disk/token_file.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/base/l2_token.h"
#include "tests/unit/l2/disk/temp_folder.h"

using namespace daphnis;
using namespace daphnis::l2;
using daphnis::test::TempFolder;

namespace {

const std::string kOld = "home.1800000000." + std::string(kL2TokenMacChars, 'o');
const std::string kNew = "home.1900000000." + std::string(kL2TokenMacChars, 'n');

unsigned mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(stat(path.c_str(), &about) == 0);
  return about.st_mode & 0777;
}

}  // namespace

TEST_CASE("the first line of the file is the token", "[l2][token]") {
  const TempFolder folder;
  const std::string text =
      GENERATE_COPY(as<std::string>(), kOld, kOld + "\n", "  " + kOld + " \r\nmore\n");
  folder.write("token", as_bytes(text));
  CHECK(TokenFile(folder.at("token")).read() == kOld);
}

TEST_CASE("a file without a token is refused and what it holds is not said", "[l2][token]") {
  const TempFolder folder;
  const std::string text =
      GENERATE_COPY(as<std::string>(), "", "\n" + kOld, kOld.substr(5), std::string(20'000, 'x'));
  folder.write("token", as_bytes(text));
  const auto token = TokenFile(folder.at("token")).read();
  REQUIRE_FALSE(token);
  CHECK(token.error().code == Errc::kMalformed);
  CHECK(token.error().text().find("ooo") == std::string::npos);
  CHECK(TokenFile(folder.at("nothing")).read().error().code == Errc::kNotFound);
}

TEST_CASE("a successor takes the place of the token for nobody else to read", "[l2][token]") {
  const TempFolder folder;
  folder.write("token", as_bytes(kOld + "\n"));
  TokenFile file(folder.at("token"));
  chmod(folder.at("token").c_str(), 0644);
  CHECK(file.is_open_to_others());
  REQUIRE(file.read());
  REQUIRE(file.keep(kNew));
  CHECK(folder.read("token") == kNew + "\n");
  CHECK(mode_of(folder.at("token")) == 0600);
  CHECK_FALSE(file.is_open_to_others());
  CHECK(file.read() == kNew);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a successor that cannot be written is used until the file changes", "[l2][token]") {
  const TempFolder folder;
  folder.write("token", as_bytes(kOld + "\n"));
  TokenFile file(folder.at("token"));
  REQUIRE(file.read());
  // Nobody, root neither, can write a file where a folder of that name is.
  REQUIRE(mkdir(folder.at("token.new").c_str(), 0700) == 0);
  CHECK_FALSE(file.keep(kNew));
  CHECK(file.read() == kNew);
  CHECK(folder.read("token") == kOld + "\n");
  const std::string pasted = "home.1850000000." + std::string(kL2TokenMacChars, 'p');
  folder.write("token", as_bytes(pasted + "\n"));
  CHECK(file.read() == pasted);
}
