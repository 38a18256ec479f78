#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace daphnis::uv {

/// A program's settings: every flag can also be given as an environment variable (`--l2-listen` is
/// DAPHNIS_L2_LISTEN) and as a key of the file named by `--config` (TOML or INI: `l2-listen = …`).
/// A flag beats the file, the file beats a variable. Owned by main, used once at start.
class Settings {
 public:
  Settings(const std::string& program, const std::string& what_it_does);

  /// Adds `--name`; `value` holds the default and receives what was given. Vectors may be repeated.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& help) {
    return named(app_.add_option("--" + name, value, help)->capture_default_str(), name);
  }
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return named(app_.add_flag("--" + name, value, help), name);
  }

  /// Sub-commands and everything else CLI11 does.
  [[nodiscard]] CLI::App& app() { return app_; }

  /// nullopt: go on. Else the exit code: 0 after --help, --version or --print-config, 2 after an
  /// error, which has been explained on stderr.
  [[nodiscard]] std::optional<int> parse(int argc, char** argv);

  /// What a flag, a variable or the file has set, not the defaults: `name=value` a line, values as
  /// they were written, several of one name one after the other. For scripts; what --print-config
  /// prints.
  [[nodiscard]] std::string set_values() const;

 private:
  static CLI::Option* named(CLI::Option* option, std::string_view name);

  CLI::App app_;
  bool print_config_ = false;
};

}  // namespace daphnis::uv
