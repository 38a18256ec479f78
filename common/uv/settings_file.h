#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daphnis::uv {

/// The names, without dashes, that may be written in the section of an app: flags but not those
/// that make no sense in a file.
[[nodiscard]] std::vector<std::string> names_of(const CLI::App& app);

/// CLI11's reader of settings files, which here also knows where each key stands and refuses keys
/// that nobody knows. Owned by SettingsReader and its App.
class SettingsFile final : public CLI::ConfigTOML {
 public:
  struct Entry {
    size_t line = 0;
    std::string section;  ///< Empty: none.
    std::string key;
    std::string value;  ///< As written, without a comment.
  };

  explicit SettingsFile(const CLI::App& app) : app_(app) {}

  /// Throws CLI::ConfigError, as CLI11 wants it, at a key that is unknown.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  /// Where the last file that was read sets this option.
  [[nodiscard]] std::optional<Entry> entry_of(const CLI::Option& option) const;

 private:
  [[nodiscard]] const CLI::App* app_of(const std::string& section) const;
  [[nodiscard]] const CLI::Option* option_of(const Entry& entry) const;
  [[nodiscard]] std::string unknown(const Entry& entry) const;

  const CLI::App& app_;
  mutable std::vector<Entry> entries_;  ///< CLI11 takes readers to be without state.
};

}  // namespace daphnis::uv
