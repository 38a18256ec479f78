#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/auth/l2_auth.h"
#include "common/base/result.h"

namespace daphnis::broker::uv {

/// The files that say who may be an L2; an empty path: there is none.
struct L2AuthSettings {
  L2AuthMode mode = L2AuthMode::kOpen;
  std::string secrets;  ///< Of TokenSecrets; there must be one where tokens are needed.
  std::string revoked;  ///< L2List of those shut out.
  std::string exempt;   ///< L2List of those let in without a token.
  uint32_t successor_days = 90;
};

/// Reads a file of secrets. It must belong to us or to root, or we must be root, and neither group
/// nor others may read or write it, unless it lies in the folder that systemd gives its service's
/// credentials in ($CREDENTIALS_DIRECTORY). Blocks. Errors: kInvalid, kMalformed, kSystem; their
/// texts name the file and hold nothing of a secret.
[[nodiscard]] Result<TokenSecrets> read_secrets(const std::string& path);

/// Reads all files, at the start. Blocks. Errors as above.
[[nodiscard]] Result<L2Auth> read_l2_auth(const L2AuthSettings& settings);

/// What came of reading the files anew.
struct L2AuthReload {
  L2Auth auth;
  std::vector<Error> errors = {};  ///< One for each file that could not be used.
};
/// Reads all files anew; of one that cannot be read or is wrong, what `now` has stays. Blocks.
[[nodiscard]] L2AuthReload reread_l2_auth(const L2AuthSettings& settings, const L2Auth& now);

}  // namespace daphnis::broker::uv
