#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace daphnis::uv {

/// The names, without dashes, that may be written in the section of an app: those of all flags that
/// make sense in a file.
[[nodiscard]] std::vector<std::string> names_of(const CLI::App& app);

/// CLI11's reader of settings files; this one also remembers on which line each key stands and
/// refuses unknown keys. Owned by SettingsReader and its App.
class SettingsFile final : public CLI::ConfigTOML {
 public:
  struct Entry {
    size_t line = 0;
    std::string section;  ///< Empty: none.
    std::string key;
    std::string value;  ///< As written, without a comment.
  };

  explicit SettingsFile(const CLI::App& app) : app_(app) {}

  /// Throws CLI::ConfigError, as CLI11 wants it, for an unknown key.
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;

  /// The place in the last file that was read where this option is set; nullopt: nowhere.
  [[nodiscard]] std::optional<Entry> entry_of(const CLI::Option& option) const;

 private:
  [[nodiscard]] const CLI::App* app_of(const std::string& section) const;
  [[nodiscard]] const CLI::Option* option_of(const Entry& entry) const;
  [[nodiscard]] std::string unknown(const Entry& entry) const;

  const CLI::App& app_;
  mutable std::vector<Entry> entries_;  ///< Mutable, since CLI11 calls its readers as const.
};

}  // namespace daphnis::uv
