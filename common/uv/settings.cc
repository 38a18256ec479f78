#include "common/uv/settings.h"

#include <cctype>
#include <cstdio>

namespace daphnis::uv {

Settings::Settings(const std::string& program, const std::string& what_it_does)
    : app_(what_it_does, program) {
  app_.set_config("--config", "", "File with settings: one `name = value` a line");
  app_.set_version_flag("--version", program + " " + DAPHNIS_VERSION);
  app_.allow_config_extras(CLI::config_extras_mode::error);
}

std::optional<int> Settings::parse(int argc, char** argv) {
  // CLI11 reports by exception; none leaves this function.
  try {
    app_.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app_.exit(asked);
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "%s: %s\nTry %s --help\n", app_.get_name().c_str(), error.what(),
                 app_.get_name().c_str());
    return 2;
  }
  return std::nullopt;
}

CLI::Option* Settings::named(CLI::Option* option, std::string_view name) {
  std::string variable = "DAPHNIS_";
  for (const char c : name) {
    variable.push_back(c == '-' ? '_'
                                : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return option->envname(variable);
}

}  // namespace daphnis::uv
