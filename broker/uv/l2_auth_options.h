#pragma once

#include <string>
#include <vector>

#include "broker/uv/l2_auth_files.h"
#include "common/uv/settings_reader.h"

namespace daphnis::broker::uv {

/// The settings that say who may be an L2, as the operator writes them. Owned by main.
struct L2AuthOptions {
  std::string mode = "open";
  bool open_to_all = false;     ///< `open` is meant where others can reach the port, too.
  bool token_in_clear = false;  ///< `token` is meant where others can read along, too.
  L2AuthSettings files;
};

void add_l2_auth_options(daphnis::uv::SettingsReader& reader, L2AuthOptions& options);

/// The addresses on which L2s are listened for, by themselves, behind proxies and with TLS, and
/// whose certificates they show there.
struct L2Addresses {
  const std::vector<std::string>& l2_listen;
  const std::vector<std::string>& l2_proxy_listen;
  const std::vector<std::string>& l2_tls_listen;
  const std::string& client_ca;  ///< The file of the CAs of L2s' certificates; empty: none.
};

/// Turns the words that were written into settings, and checks whether they make sense together and
/// with these addresses. Errors: kInvalid.
[[nodiscard]] Result<void> resolve_l2_auth(L2AuthOptions& options, const L2Addresses& addresses);

/// The command `mint-token ID --days N`, which prints a token. Owned by main.
class MintToken {
 public:
  explicit MintToken(daphnis::uv::SettingsReader& reader);
  [[nodiscard]] bool is_asked_for() const { return command_->parsed(); }
  /// Prints the token on stdout, or on stderr why there is none. Returns the exit code.
  [[nodiscard]] int run(const std::string& secrets) const;

 private:
  CLI::App* command_;
  std::string id_;
  uint32_t days_ = 0;
};

}  // namespace daphnis::broker::uv
