#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_size.h"
#include "common/base/cidr_set.h"

namespace daphnis::uv {

class SettingsFile;

/// A program's settings: every flag can also be given as an environment variable (`--l2-listen` is
/// DAPHNIS_L2_LISTEN) and as a key of the file named by `--config` (TOML or INI: `l2-listen = …`).
/// A flag beats the file, the file beats a variable. A name has one meaning in all programs. With
/// `--check-config` a program judges its settings and goes no further. Owned by main, used once at
/// start.
class SettingsReader {
 public:
  /// How a program ends after it has read its settings.
  struct End {
    int exit_code = 0;  ///< 0: the text is what was asked for; 2: the settings are wrong.
    std::string text;   ///< For stdout where the exit code is 0, else for stderr.
  };

  SettingsReader(const std::string& program, const std::string& what_it_does);
  ~SettingsReader();
  SettingsReader(const SettingsReader&) = delete;
  SettingsReader& operator=(const SettingsReader&) = delete;

  /// Settings added from here on belong to this command; a file has them in a section of its name.
  CLI::App* begin_command(const std::string& name, const std::string& help);

  /// Adds `--name`; `value` holds the default and receives what was given. Vectors may be repeated.
  template <class T>
  CLI::Option* add(const std::string& name, T& value, const std::string& help) {
    return named(scope_->add_option("--" + name, value, help)->capture_default_str(), name);
  }
  template <class T>
  CLI::Option* add_number(const std::string& name, T& value, T least, T most,
                          const std::string& help) {
    return add(name, value, help)->check(CLI::Range(least, most));
  }
  /// A number of bytes, as parse_byte_size() reads it.
  template <class T>
  CLI::Option* add_size(const std::string& name, T& value, T least, T most,
                        const std::string& help) {
    // CLI11 calls the validator that was added first last, so the range is checked on bytes.
    return add_number(name, value, least, most, help)
        ->transform(size_reader())
        ->default_str(byte_size_text(value));
  }
  /// A text that must be one of `words`.
  CLI::Option* add_word(const std::string& name, std::string& value,
                        const std::vector<std::string>& words, const std::string& help);
  /// An address to listen on, as parse_address() reads it; any number of them for a vector.
  template <class T>
  CLI::Option* add_address(const std::string& name, T& value, uint16_t least_port,
                           const std::string& help) {
    return add(name, value, help)->check(address_check(least_port));
  }
  /// Ranges of addresses, as parse_cidr() reads them: at most kAddressRangesMax, repeated or with
  /// commas between. to_cidr_set() makes a set of them.
  CLI::Option* add_ranges(const std::string& name, std::vector<std::string>& value,
                          const std::string& help);
  CLI::Option* add_flag(const std::string& name, bool& value, const std::string& help) {
    return named(scope_->add_flag("--" + name, value, help), name);
  }

  /// For an option of app(): a number of bytes, as in add_size().
  static CLI::Validator size_reader();

  /// Sub-commands and everything else CLI11 does.
  [[nodiscard]] CLI::App& app() { return app_; }

  /// True where --check-config was given. parse() then ends the program, unless set_checks_more()
  /// was called: main then checks more than single settings, and reports the result.
  [[nodiscard]] bool checks_only() const { return checks_only_; }
  void set_checks_more() { checks_more_ = true; }

  /// Reads the settings; nullopt: the program goes on. A complaint names the place of the setting
  /// (file and line, variable or flag), its value, what is wrong with it, and for an unknown name
  /// the nearest known one.
  [[nodiscard]] std::optional<End> judge(int argc, const char* const* argv);

  /// The same, but prints the text itself and returns the exit code.
  [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv);

  /// The settings that a flag, a variable or the file has set, without the defaults: `name=value` a
  /// line, values as they were written, repeated names one after the other. --print-config prints
  /// this for scripts.
  [[nodiscard]] std::string set_values() const;

 private:
  static CLI::Option* named(CLI::Option* option, std::string_view name);
  static CLI::Validator address_check(uint16_t least_port);

  [[nodiscard]] std::string complaint(const CLI::Error& error, int argc, const char* const* argv);

  CLI::App app_;
  CLI::App* scope_ = &app_;
  std::shared_ptr<SettingsFile> file_;
  bool print_config_ = false;
  bool checks_only_ = false;
  bool checks_more_ = false;
};

/// The set of what add_ranges() has read.
[[nodiscard]] CidrSet to_cidr_set(const std::vector<std::string>& ranges);

}  // namespace daphnis::uv
