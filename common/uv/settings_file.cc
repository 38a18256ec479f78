#include "common/uv/settings_file.h"

#include <fmt/format.h>

#include <sstream>

#include "common/base/nearest.h"

namespace daphnis::uv {
namespace {

using Entry = SettingsFile::Entry;

std::string trimmed(const std::string& text) {
  return CLI::detail::trim_copy(text);
}

/// Each key of a settings file in CLI11's dialect, which has comments, sections and lists that go
/// over several lines.
std::vector<Entry> entries_of(const std::string& text) {
  std::vector<Entry> entries;
  std::istringstream lines(text);
  std::string line;
  std::string section;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = trimmed(line.substr(1, line.size() - 2));
      continue;
    }
    const size_t equals = line.find('=');
    std::string key = trimmed(line.substr(0, equals));
    std::string value = equals == std::string::npos ? "" : trimmed(line.substr(equals + 1));
    if (const size_t comment = value.find('#'); comment != std::string::npos) {
      value = trimmed(value.substr(0, comment));
    }
    CLI::detail::remove_quotes(key);
    entries.push_back({.line = number, .section = section, .key = key, .value = value});
    if (!value.starts_with('[')) continue;
    while (!line.ends_with(']') && std::getline(lines, line)) {
      ++number;
      line = trimmed(line);
    }
  }
  return entries;
}

}  // namespace

std::vector<std::string> names_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_configurable()) continue;
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

std::vector<CLI::ConfigItem> SettingsFile::from_config(std::istream& input) const {
  std::ostringstream whole;
  whole << input.rdbuf();
  entries_ = entries_of(whole.str());
  for (const Entry& entry : entries_) {
    if (!option_of(entry)) throw CLI::ConfigError(unknown(entry));
  }
  std::istringstream again(whole.str());
  return CLI::ConfigTOML::from_config(again);
}

std::optional<Entry> SettingsFile::entry_of(const CLI::Option& option) const {
  for (const Entry& entry : entries_) {
    if (option_of(entry) == &option) return entry;
  }
  return std::nullopt;
}

const CLI::App* SettingsFile::app_of(const std::string& section) const {
  if (section.empty() || section == "default") return &app_;
  const auto is_it = [&](const CLI::App* command) { return command->get_name() == section; };
  const auto commands = app_.get_subcommands(is_it);
  return commands.empty() ? nullptr : commands.front();
}

const CLI::Option* SettingsFile::option_of(const Entry& entry) const {
  std::string section = entry.section;
  std::string key = entry.key;
  if (const size_t dot = key.find('.'); section.empty() && dot != std::string::npos) {
    section = key.substr(0, dot);  // serve.id = … means id = … in [serve].
    key = key.substr(dot + 1);
  }
  const CLI::App* app = app_of(section);
  const CLI::Option* option = app ? app->get_option_no_throw("--" + key) : nullptr;
  return option && option->get_configurable() ? option : nullptr;
}

std::string SettingsFile::unknown(const Entry& entry) const {
  const CLI::App* app = app_of(entry.section);
  const std::string value = entry.value.empty() ? "" : " = " + entry.value;
  if (!app) return fmt::format("{}: unknown section [{}]", entry.line, entry.section);
  const std::string nearest = nearest_name(entry.key, names_of(*app));
  return fmt::format("{}: {}{}: unknown key{}", entry.line, entry.key, value,
                     nearest.empty() ? "" : "; did you mean " + nearest + "?");
}

}  // namespace daphnis::uv
