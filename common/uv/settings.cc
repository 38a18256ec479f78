#include "common/uv/settings.h"

#include <cctype>
#include <cstdio>

namespace daphnis::uv {

Settings::Settings(const std::string& program, const std::string& what_it_does)
    : app_(what_it_does, program) {
  app_.set_config("--config", "", "File with settings: one `name = value` a line");
  app_.add_flag("--print-config", print_config_,
                "Print what flags, variables and the file set, and leave")
      ->configurable(false);
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
  if (print_config_) {
    std::fputs(set_values().c_str(), stdout);
    return 0;
  }
  return std::nullopt;
}

std::string Settings::set_values() const {
  std::string out;
  for (const CLI::Option* option : app_.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    for (const std::string& value : option->results()) {
      out.append(option->get_lnames().front()).append("=").append(value).append("\n");
    }
  }
  return out;
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
