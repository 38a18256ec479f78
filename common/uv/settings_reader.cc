#include "common/uv/settings_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/nearest.h"
#include "common/uv/fd.h"
#include "common/uv/settings_file.h"

namespace daphnis::uv {
namespace {

constexpr int kExitUsage = 2;

/// The offset at which "--name" stands in `text`, and not as the beginning of a longer name.
size_t find_flag(const std::string& text, const std::string& flag) {
  for (size_t at = text.find(flag); at != std::string::npos; at = text.find(flag, at + 1)) {
    const size_t end = at + flag.size();
    const char next = end < text.size() ? text[end] : '\0';
    if (std::isalnum(static_cast<unsigned char>(next)) == 0 && next != '-') return at;
  }
  return std::string::npos;
}

/// The option that CLI11's sentence is about.
const CLI::Option* option_in(const CLI::App& app, const std::string& text) {
  for (const CLI::Option* option : app.get_options()) {
    if (find_flag(text, option->get_name()) != std::string::npos) return option;
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (const CLI::Option* option = option_in(*command, text)) return option;
  }
  return nullptr;
}

bool is_among(const std::string& flag, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == flag || (word.starts_with(flag) && word[flag.size()] == '=')) return true;
  }
  return false;
}

/// What was written for an option, and where it was written: "FILE:12: tries = 99",
/// "DAPHNIS_TRIES=99" or "--tries 99".
std::string origin_of(const CLI::Option& option, const CLI::App& app, const SettingsFile& file,
                      int argc, const char* const* argv) {
  const std::string flag = option.get_name();
  if (!is_among(flag, argc, argv)) {
    if (const auto entry = file.entry_of(option)) {
      return fmt::format("{}:{}: {} = {}", app.get_config_ptr()->as<std::string>(), entry->line,
                         entry->key, entry->value);
    }
    const std::string variable = option.get_envname();
    const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
    if (value != nullptr && *value != '\0') return fmt::format("{}={}", variable, value);
  }
  return fmt::format("{} {}", flag, fmt::join(option.results(), " "));
}

/// A message on the first argument that no option takes; empty: there is none.
std::string unknown_argument(const CLI::App& app) {
  const auto left = app.remaining(true);
  const auto is_flag = [](const std::string& word) { return word.starts_with("-"); };
  const auto found = std::ranges::find_if(left, is_flag);
  if (found != left.end()) {
    const std::string flag = found->substr(0, found->find('='));
    std::vector<std::string> known;
    const auto all = [](const CLI::App*) { return true; };
    const auto add = [&](const CLI::App& of) {
      for (const CLI::Option* option : of.get_options()) known.push_back(option->get_name());
    };
    add(app);
    for (const CLI::App* command : app.get_subcommands(all)) {
      if (command->parsed()) add(*command);
    }
    const std::string nearest = nearest_name(flag, known);
    return "unknown flag " + flag + (nearest.empty() ? "" : "; did you mean " + nearest + "?");
  }
  return left.empty() ? "" : "unknown argument " + left.front();
}

}  // namespace

SettingsReader::SettingsReader(const std::string& program, const std::string& what_it_does)
    : app_(what_it_does, program), file_(std::make_shared<SettingsFile>(app_)) {
  app_.set_config("--config", "", "File with settings: one `name = value` a line")
      ->configurable(false);
  app_.set_version_flag("--version", program + " " + DAPHNIS_VERSION)->configurable(false);
  app_.get_help_ptr()->configurable(false);
  app_.add_flag("--print-config", print_config_,
                "Print what flags, variables and the file set, and leave")
      ->configurable(false);
  app_.add_flag("--check-config", checks_only_, "Judge the settings and start nothing: 0 or 2")
      ->configurable(false);
  app_.allow_config_extras(CLI::config_extras_mode::error);
  app_.config_formatter(file_);
}

SettingsReader::~SettingsReader() = default;

CLI::App* SettingsReader::begin_command(const std::string& name, const std::string& help) {
  scope_ = app_.add_subcommand(name, help);
  scope_->fallthrough();  // For `NAME --config FILE`.
  scope_->get_help_ptr()->configurable(false);
  return scope_;
}

CLI::Option* SettingsReader::add_word(const std::string& name, std::string& value,
                                      const std::vector<std::string>& words,
                                      const std::string& help) {
  const CLI::Validator is_word(
      [words](std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        return fmt::format("none of {}", fmt::join(words, ", "));
      },
      fmt::format("{}", fmt::join(words, "|")));
  return add(name, value, help)->check(is_word);
}

CLI::Validator SettingsReader::size_reader() {
  return CLI::Validator(
      [](std::string& text) {
        uint64_t bytes = 0;
        if (!parse_byte_size(text, bytes)) {
          return std::string("not a size like 4096, 256M or 10GiB");
        }
        text = std::to_string(bytes);
        return std::string();
      },
      "SIZE");
}

CLI::Option* SettingsReader::add_ranges(const std::string& name, std::vector<std::string>& value,
                                        const std::string& help) {
  const CLI::Validator is_range(
      [](std::string& text) {
        const auto range = parse_cidr(text);
        return range ? std::string() : range.error().detail;
      },
      "CIDR");
  return add(name, value, help)
      ->check(is_range)
      ->delimiter(',')
      ->expected(1, static_cast<int>(limits::kAddressRangesMax));
}

CLI::Validator SettingsReader::address_check(uint16_t least_port) {
  return CLI::Validator(
      [least_port](std::string& text) {
        const auto address = parse_address(text);
        if (!address) return address.error().detail;
        return address->port < least_port ? std::string("port 0 is none here") : std::string();
      },
      "HOST:PORT");
}

std::optional<SettingsReader::End> SettingsReader::judge(int argc, const char* const* argv) {
  // CLI11 reports by exception; none leaves this function.
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForVersion& asked) {
    return End{.exit_code = 0, .text = std::string(asked.what()) + "\n"};
  } catch (const CLI::Success&) {
    return End{.exit_code = 0, .text = app_.help()};
  } catch (const CLI::Error& error) {
    return End{.exit_code = kExitUsage,
               .text = fmt::format("{0}: {1}\nTry {0} --help\n", app_.get_name(),
                                   complaint(error, argc, argv))};
  }
  if (print_config_) return End{.exit_code = 0, .text = set_values()};
  if (checks_only_ && !checks_more_) {
    return End{.exit_code = 0, .text = app_.get_name() + ": the settings are good\n"};
  }
  return std::nullopt;
}

std::optional<int> SettingsReader::parse(int argc, const char* const* argv) {
  const auto end = judge(argc, argv);
  if (!end) return std::nullopt;
  std::fputs(end->text.c_str(), end->exit_code == 0 ? stdout : stderr);
  return end->exit_code;
}

std::string SettingsReader::set_values() const {
  std::string out;
  for (const CLI::Option* option : app_.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    for (const std::string& value : option->results()) {
      out.append(option->get_lnames().front()).append("=").append(value).append("\n");
    }
  }
  return out;
}

std::string SettingsReader::complaint(const CLI::Error& error, int argc, const char* const* argv) {
  // CLI11 reports a missing option before an unknown one. A typo is both, and the unknown name says
  // more.
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) ||
      error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    const std::string unknown = unknown_argument(app_);
    return unknown.empty() ? error.what() : unknown;
  }
  const std::string text = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::FileError)) {
    return "--config: cannot read " + app_.get_config_ptr()->as<std::string>();
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConfigError)) {
    return app_.get_config_ptr()->as<std::string>() + ":" + text;
  }
  const CLI::Option* option = option_in(app_, text);
  if (!option) return text;
  std::string why = text;
  const std::string prefix = option->get_name() + ": ";
  if (why.starts_with(prefix)) why.erase(0, prefix.size());
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConversionError)) {
    why = "not of the kind " + option->get_type_name();
  }
  return origin_of(*option, app_, *file_, argc, argv) + ": " + why;
}

CidrSet to_cidr_set(const std::vector<std::string>& ranges) {
  CidrSet set;
  for (const std::string& text : ranges) {
    const auto range = parse_cidr(text);
    check(range.has_value(), "the settings let a strange range through");
    set.add(*range);
  }
  return set;
}

CLI::Option* SettingsReader::named(CLI::Option* option, std::string_view name) {
  std::string variable = "DAPHNIS_";
  for (const char c : name) {
    variable.push_back(c == '-' ? '_'
                                : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return option->envname(variable);
}

}  // namespace daphnis::uv
