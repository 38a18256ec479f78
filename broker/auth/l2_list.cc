#include "broker/auth/l2_list.h"

#include <absl/strings/string_view.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "broker/auth/list_lines.h"
#include "common/base/limits.h"
#include "common/base/names.h"
#include "common/base/slice.h"
#include "common/hash/sha256.h"

namespace daphnis::broker {
namespace {

std::optional<TokenDigest> parse_digest(std::string_view text) {
  TokenDigest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* from = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(from, from + 2, digest[i], 16);
    if (error != std::errc() || end != from + 2) return std::nullopt;
  }
  return digest;
}

}  // namespace

TokenDigest digest_of_token(std::string_view token) {
  return sha256(as_bytes(token));
}

Result<L2List> L2List::parse(std::string_view file, Lines lines) {
  L2List list;
  std::string wrong;
  each_line(file, [&](std::string_view line, size_t number) {
    const bool takes_tokens = lines == Lines::kIdsAndTokens;
    if (!is_name(line)) {
      wrong = fmt::format("line {}: no L2 id (1 to 64 of A-Z a-z 0-9 . _ -){}", number,
                          takes_tokens ? " and no SHA-256 of a token" : "");
    } else if (list.ids_.size() == limits::kL2ListMax) {
      wrong = fmt::format("line {}: there are more than {} lines", number, limits::kL2ListMax);
    } else {
      list.ids_.emplace(line);
      const auto digest = takes_tokens ? parse_digest(line) : std::nullopt;
      if (digest) list.tokens_.insert(*digest);
    }
    return wrong.empty();
  });
  if (!wrong.empty()) return fail(Errc::kMalformed, std::move(wrong));
  return list;
}

bool L2List::has(std::string_view id) const {
  // The string_view of Debian's Abseil is a type of its own.
  return ids_.contains(absl::string_view(id.data(), id.size()));
}

}  // namespace daphnis::broker
