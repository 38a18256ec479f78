#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/l2_token.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/uv/fd.h"
#include "common/uv/settings_reader.h"
#include "l2/disk/pack.h"
#include "l2/disk/token_file.h"
#include "l2/disk/unpack.h"
#include "l2/uv/client_tls.h"
#include "l2/uv/serve.h"

namespace daphnis::l2 {
namespace {

int complain(const std::string& what) {
  fmt::print(stderr, "daphnis-l2: {}\n", what);
  return 2;
}

int fail_with(const Error& error) {
  fmt::print(stderr, "daphnis-l2: {}\n", error.sys != 0 ? error.text() : error.detail);
  return 1;
}

/// The flags of `serve`.
struct ServeFlags {
  std::vector<std::string> l1;
  std::string id;
  std::string store;
  uint32_t capacity = limits::kL2CapacityDefault;
  uint64_t data_url_ms = limits::kDataUrlReachMs;
  bool legacy = false;
  std::string log_level = "info";
  std::string log_file;
  std::string token_file;
  ClientTlsFiles tls;
};

/// What is wrong with a text that names one or (DAPHNIS_L1) several L1s; empty: nothing.
std::string check_l1s(const std::string& text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto url = parse_l1_url(word);
    if (!url) return url.error().detail;
  }
  return {};
}

std::string check_id(const std::string& text) {
  return is_name(text) ? std::string() : "an id is 1 to 64 of A-Z a-z 0-9 . _ -";
}

CLI::App* add_serve(uv::SettingsReader& reader, ServeFlags& flags) {
  CLI::App* command = reader.begin_command(
      "serve", "Register at edges (L1s) and answer them from a folder of CAR files");
  reader
      .add("l1", flags.l1,
           "An edge, https://HOST:PORT or http://HOST:PORT; may be given many times")
      ->check(CLI::Validator([](std::string& text) { return check_l1s(text); }, "URL"));
  reader.add("store", flags.store, "Folder with .car files (versions 1 and 2)")
      ->check(CLI::ExistingDirectory);
  reader.add("id", flags.id, "Name of this L2; made and kept in the store by default")
      ->check(CLI::Validator([](std::string& text) { return check_id(text); }, "ID"));
  reader.add_number("capacity", flags.capacity, uint32_t{1}, limits::kL2CapacityMax,
                    "Answers at once per edge");
  reader.add_number("data-url-ms", flags.data_url_ms, uint64_t{1}, uint64_t{60'000},
                    "Time to reach the worker that an order names, before the edge's own port");
  reader.add_flag("legacy", flags.legacy, "Behave like a node of the historical network");
  reader.add_word("log-level", flags.log_level, {"debug", "info", "warn", "error"},
                  "Least level logged");
  reader.add("log-file", flags.log_file, "File for the log, opened anew on SIGUSR1");
  reader.add("token-file", flags.token_file,
             "File with the token that the edges' operator gave; says the L2's name, too");
  reader.add("ca", flags.tls.ca,
             "File of the CAs that are trusted with https, in place of the system's (PEM)");
  CLI::Option* certificate = reader.add(
      "cert", flags.tls.certificate,
      "File of a certificate for edges that ask for one, and what leads to its CA (PEM)");
  CLI::Option* key = reader.add("key", flags.tls.key,
                                "File of the key of --cert, which others may not read (PEM)");
  certificate->needs(key);
  key->needs(certificate);
  return command;
}

/// The id that the token in this file is for. Errors: as those of TokenFile::read().
Result<std::string> id_in_token(const std::string& path) {
  const auto token = TokenFile(path).read();
  if (!token) return std::unexpected(token.error());
  return std::string(parse_l2_token(*token)->id);
}

/// With `checks_only` the settings are checked and nothing is started.
int run_serve(const ServeFlags& flags, bool checks_only) {
  ServeSettings settings{.l1s = {},
                         .l2_id = flags.id,
                         .store = flags.store,
                         .capacity = flags.capacity,
                         .data_url_ms = flags.data_url_ms,
                         .generation = flags.legacy ? Generation::kLegacy : Generation::kV2,
                         .log_file = flags.log_file,
                         .token_file = flags.token_file};
  check(parse_log_level(flags.log_level, settings.log_level), "the settings let a level through");
  for (const std::string& text : flags.l1) {
    std::istringstream words(text);  // DAPHNIS_L1 may name several L1s.
    for (std::string word; words >> word;) {
      const auto url = parse_l1_url(word);
      check(url.has_value(), "the settings let a strange URL through");
      if (std::ranges::find(settings.l1s, *url) == settings.l1s.end()) settings.l1s.push_back(*url);
    }
  }
  // CLI11's required() cannot be used: it is checked before `serve --config FILE` has been read.
  if (settings.l1s.empty()) return complain("serve needs --l1 https://HOST:PORT");
  if (settings.store.empty()) return complain("serve needs --store FOLDER");
  if (!flags.token_file.empty()) {
    const auto id = id_in_token(flags.token_file);
    if (!id) return complain(id.error().sys != 0 ? id.error().text() : id.error().detail);
    if (!flags.id.empty() && flags.id != *id) {
      return complain("the token in " + flags.token_file + " is for the id " + *id +
                      ", and --id says " + flags.id);
    }
    settings.l2_id = *id;
  }
  if (std::ranges::any_of(settings.l1s, &L1Url::is_tls)) {
    auto tls = read_client_context(flags.tls);
    if (!tls) return complain(tls.error().detail_text());
    settings.tls = std::move(*tls);
  } else if (!flags.tls.empty()) {
    return complain("--ca, --cert and --key are for https, and no --l1 begins with https://");
  }
  if (checks_only) {
    fmt::print("daphnis-l2: the settings are good\n");
    return 0;
  }
  return serve(settings);
}

struct PackFlags {
  std::string path;
  std::string output;
  bool hidden = false;
  bool force = false;
};

CLI::App* add_pack(uv::SettingsReader& reader, PackFlags& flags) {
  CLI::App* command = reader.app().add_subcommand(
      "pack", "Pack a file or folder (UnixFS) into a CAR and print its root CID");
  command->add_option("path", flags.path, "The file or folder")->required();
  command->add_option("-o,--output", flags.output, "The CAR to write; - is standard output")
      ->required();
  command->add_flag("-f,--force", flags.force, "Replace a file that is there already");
  command->add_flag("--hidden", flags.hidden, "In folders, take names that begin with a dot too");
  return command;
}

int run_pack(const PackFlags& flags) {
  const auto packed =
      pack(flags.path, flags.output, {.with_hidden = flags.hidden, .replaces = flags.force});
  if (!packed) return fail_with(packed.error());
  if (packed->hidden_left_out > 0) {
    fmt::print(stderr, "daphnis-l2: {} hidden names left out (--hidden takes them)\n",
               packed->hidden_left_out);
  }
  if (packed->others_left_out > 0) {
    fmt::print(stderr, "daphnis-l2: {} symbolic links or special files left out\n",
               packed->others_left_out);
  }
  // Where standard output is the CAR, the root is printed on stderr.
  std::FILE* words = flags.output == "-" ? stderr : stdout;
  fmt::print(words, "{}\n", packed->root.text());
  return std::fflush(words) == 0 ? 0 : 1;
}

struct UnpackFlags {
  std::string input;
  std::string output;
  std::string root;
  uint64_t max_bytes = limits::kOutputBytesMax;
};

CLI::App* add_unpack(uv::SettingsReader& reader, UnpackFlags& flags) {
  CLI::App* command = reader.app().add_subcommand(
      "unpack", "Prove every block of a CAR and write its file or folder");
  command->add_option("car", flags.input, "The CAR; - is standard input")->required();
  command->add_option("-o,--output", flags.output, "Where to; must not exist")->required();
  command->add_option("--root", flags.root, "The CID to unpack, if not the CAR's only root");
  command->add_option("--max-bytes", flags.max_bytes, "Give up beyond so many bytes of files")
      ->transform(uv::SettingsReader::size_reader())
      ->default_str(byte_size_text(flags.max_bytes));
  return command;
}

/// Set by SIGINT and SIGTERM, so that a half-written output is removed.
std::atomic<bool> is_interrupted = false;

int run_unpack(const UnpackFlags& flags) {
  UnpackSettings settings{.bytes_max = flags.max_bytes, .is_interrupted = &is_interrupted};
  if (!flags.root.empty()) {
    const auto root = Cid::from_text(flags.root);
    if (!root) return complain("--root takes a CID: " + root.error().detail);
    settings.root = *root;
  }
  uv::raise_descriptor_limit();
  struct sigaction interrupt {};  // Without SA_RESTART, so that a waiting read ends.
  interrupt.sa_handler = [](int) { is_interrupted = true; };
  sigaction(SIGINT, &interrupt, nullptr);
  sigaction(SIGTERM, &interrupt, nullptr);
  const auto unpacked = unpack(flags.input, flags.output, settings);
  if (!unpacked) return fail_with(unpacked.error());
  if (unpacked->left_over_blocks > 0) {
    fmt::print(stderr, "daphnis-l2: {} blocks behind the end were left out\n",
               unpacked->left_over_blocks);
  }
  if (const auto& flaws = unpacked->flaws; flaws.first) {
    fmt::print(stderr, "daphnis-l2: {} bytes of the CAR were passed over, from byte {} on: {}\n",
               flaws.passed_over_bytes, flaws.first->offset, flaws.first->why);
  }
  return 0;
}

int run(int argc, char** argv) {
  uv::SettingsReader reader("daphnis-l2", "Serves content-addressed files from home to edges");
  reader.app().require_subcommand(1);
  reader.set_checks_more();
  ServeFlags serve_flags;
  const CLI::App* serve_command = add_serve(reader, serve_flags);
  PackFlags pack_flags;
  const CLI::App* pack_command = add_pack(reader, pack_flags);
  UnpackFlags unpack_flags;
  const CLI::App* unpack_command = add_unpack(reader, unpack_flags);
  if (const auto exit_code = reader.parse(argc, argv)) return *exit_code;
  if (*serve_command) return run_serve(serve_flags, reader.checks_only());
  if (*pack_command) return run_pack(pack_flags);
  if (*unpack_command) return run_unpack(unpack_flags);
  return 2;
}

}  // namespace
}  // namespace daphnis::l2

int main(int argc, char** argv) {
  return daphnis::l2::run(argc, argv);
}
