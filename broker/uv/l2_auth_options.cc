#include "broker/uv/l2_auth_options.h"

#include <cstdio>

#include "broker/uv/wall_time.h"
#include "common/base/names.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {
namespace {

constexpr uint64_t kDayS = 86'400;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

/// The setting of the first of these addresses that others than this machine can reach; empty:
/// there is none.
std::string reachable_one(const char* setting, const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const auto address = daphnis::uv::parse_address(text);
    if (!address || !daphnis::uv::is_loopback(*address)) return setting + (" " + text);
  }
  return {};
}

/// The same for those where others could read along.
std::string reachable_one(const L2Addresses& addresses) {
  const std::string direct = reachable_one("--l2-listen", addresses.l2_listen);
  return direct.empty() ? reachable_one("--l2-proxy-listen", addresses.l2_proxy_listen) : direct;
}

/// The same for whoever may come through a proxy, which lets in others wherever it connects from.
std::string open_one(const L2Addresses& addresses) {
  if (!addresses.l2_proxy_listen.empty()) {
    return "--l2-proxy-listen " + addresses.l2_proxy_listen.front();
  }
  const std::string in_clear = reachable_one(addresses);
  return in_clear.empty() ? reachable_one("--l2-tls-listen", addresses.l2_tls_listen) : in_clear;
}

}  // namespace

void add_l2_auth_options(daphnis::uv::SettingsReader& reader, L2AuthOptions& options) {
  L2AuthSettings& files = options.files;
  reader.add_word("l2-auth", options.mode, {"open", "token", "mtls"},
                  "Who may be an L2: whoever reaches --l2-listen, who shows a token, or who has a "
                  "certificate of --l2-client-ca");
  reader.add("l2-token-secrets", files.secrets,
             "File of the secrets that make and verify tokens, one a line: the first one makes "
             "them. For nobody else to read");
  reader.add("l2-revoked", files.revoked,
             "File of L2 ids, and of SHA-256 hashes of tokens, that are shut out, one a line");
  reader.add("l2-auth-exempt", files.exempt,
             "File of the ids of L2s that are let in without a token or certificate, one a line");
  reader.add_number("l2-token-days", files.successor_days, 0U, kTokenDaysMax,
                    "Life of the tokens that L2s are given before theirs expire; 0: they are not");
  reader.add_flag("l2-open-to-all", options.open_to_all,
                  "With --l2-auth open: also where others than this machine reach --l2-listen");
  reader.add_flag("l2-token-in-clear", options.token_in_clear,
                  "With --l2-auth token: also where tokens cross a network in plain text");
}

Result<void> resolve_l2_auth(L2AuthOptions& options, const L2Addresses& addresses) {
  L2AuthSettings& files = options.files;
  files.mode = options.mode == "token"  ? L2AuthMode::kToken
               : options.mode == "mtls" ? L2AuthMode::kCertificate
                                        : L2AuthMode::kOpen;
  const bool has_ca = !addresses.client_ca.empty();
  if (has_ca != (files.mode == L2AuthMode::kCertificate)) {
    return fail(Errc::kInvalid, "--l2-auth mtls and --l2-client-ca FILE belong together");
  }
  if (files.mode == L2AuthMode::kCertificate) {
    if (addresses.l2_tls_listen.empty()) {
      return fail(Errc::kInvalid,
                  "--l2-auth mtls needs --l2-tls-listen, where certificates are shown");
    }
    if (files.secrets.empty()) return {};
    return fail(Errc::kInvalid, "--l2-token-secrets does nothing without --l2-auth token");
  }
  if (files.mode == L2AuthMode::kOpen) {
    if (!files.secrets.empty() || !files.revoked.empty() || !files.exempt.empty()) {
      return fail(Errc::kInvalid,
                  "--l2-token-secrets, --l2-revoked and --l2-auth-exempt do nothing with "
                  "--l2-auth open");
    }
    const std::string open = open_one(addresses);
    if (open.empty() || options.open_to_all) return {};
    return fail(Errc::kInvalid, open +
                                    ": whoever reaches it could register as an L2: ask for tokens "
                                    "(--l2-auth token), or say --l2-open-to-all too");
  }
  if (files.secrets.empty())
    return fail(Errc::kInvalid, "--l2-auth token needs --l2-token-secrets FILE");
  const std::string reachable = reachable_one(addresses);
  if (reachable.empty() || options.token_in_clear) return {};
  return fail(Errc::kInvalid, reachable +
                                  ": whoever reads along there could use an L2's token as well: "
                                  "listen with TLS (--l2-tls-listen), or on loopback "
                                  "behind what encrypts, or say --l2-token-in-clear too");
}

MintToken::MintToken(daphnis::uv::SettingsReader& reader)
    : command_(reader.app().add_subcommand(
          "mint-token", "Print a token for the L2 of this id (with --l2-token-secrets)")) {
  command_->fallthrough();  // --l2-token-secrets may stand behind it.
  command_->add_option("id", id_, "The L2's id, 1 to 64 of A-Z a-z 0-9 . _ -")
      ->required()
      ->check(CLI::Validator(
          [](std::string& text) {
            return is_name(text) ? std::string() : "an id is 1 to 64 of A-Z a-z 0-9 . _ -";
          },
          "ID"));
  command_->add_option("--days", days_, "How long it is good")
      ->required()
      ->check(CLI::Range(1U, kTokenDaysMax));
}

int MintToken::run(const std::string& secrets) const {
  if (secrets.empty()) {
    std::fputs("daphnis-broker: mint-token needs --l2-token-secrets FILE\n", stderr);
    return kExitUsage;
  }
  const auto read = read_secrets(secrets);
  if (!read) {
    std::fprintf(stderr, "daphnis-broker: %s\n", read.error().text().c_str());
    return kExitUsage;
  }
  const std::string token = read->mint(id_, wall_seconds() + days_ * kDayS);
  const bool is_out = std::printf("%s\n", token.c_str()) > 0 && std::fflush(stdout) == 0;
  return is_out ? 0 : kExitFailure;
}

}  // namespace daphnis::broker::uv
