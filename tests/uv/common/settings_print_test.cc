#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/uv/settings_reader.h"

namespace daphnis::uv {
namespace {

TEST_CASE("a flag beats the file, the file beats a variable, and set values can be printed",
          "[settings]") {
  char path[] = "/tmp/daphnis-settings-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  FILE* file = fdopen(fd, "w");
  std::fputs(
      "l2-listen = [\"127.0.0.1:1\", \"[::1]:2\"]\nsocket = \"of the file\"\n"
      "answer = 1\n",
      file);
  std::fclose(file);
  setenv("DAPHNIS_SOCKET", "of the variable", 1);
  setenv("DAPHNIS_MAYBE", "of the variable", 1);
  setenv("DAPHNIS_ANSWER", "2", 1);

  std::vector<std::string> listen = {"0.0.0.0:9"};
  std::string socket = "default", maybe = "default", untouched = "default";
  int answer = 0;
  SettingsReader settings("program", "does something");
  settings.add("l2-listen", listen, "");
  settings.add("socket", socket, "");
  settings.add("maybe", maybe, "");
  settings.add("untouched", untouched, "");
  settings.add("answer", answer, "");
  const char* words[] = {"program", "--config", path, "--answer", "3"};
  CHECK(settings.parse(5, const_cast<char**>(words)) == std::nullopt);
  unsetenv("DAPHNIS_SOCKET");
  unsetenv("DAPHNIS_MAYBE");
  unsetenv("DAPHNIS_ANSWER");
  std::remove(path);

  CHECK(settings.set_values() ==
        "l2-listen=127.0.0.1:1\nl2-listen=[::1]:2\nsocket=of the file\nmaybe=of the "
        "variable\nanswer=3\n");
}

}  // namespace
}  // namespace daphnis::uv
