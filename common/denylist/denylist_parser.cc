#include "common/denylist/denylist_parser.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/denylist/denylist_header.h"
#include "common/ipld/cid.h"
#include "common/ipld/multibase.h"

namespace daphnis {
namespace {

constexpr std::string_view kHeaderEnd = "---";
constexpr size_t kLegacyDigits = 64;  ///< The hex digits of a SHA-256.
constexpr size_t kBlake3Bytes = 32;   ///< The length by which a list is double-hashed.

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// The byte that two hex digits at the front of `text` make.
std::optional<uint8_t> hex_byte(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto high = hex_digit(text[0]);
  const auto low = hex_digit(text[1]);
  if (!high || !low) return std::nullopt;
  return static_cast<uint8_t>(*high << 4U | *low);
}

/// Undoes percent-encoding (RFC 3986 section 2.1).
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const auto byte = hex_byte(text.substr(i + 1));
    if (!byte) return std::nullopt;
    decoded += static_cast<char>(*byte);
    i += 2;
  }
  return decoded;
}

/// Takes that text off the front. False where it is not there.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// A CID with the multihash that bare base58btc names.
std::optional<Cid> cid_of_multihash(std::string_view text) {
  std::array<uint8_t, 2 + limits::kCidBytesMax> bytes{1, codec::kRaw};
  const auto size = decode_base58btc(text, std::span(bytes).subspan(2));
  if (!size) return std::nullopt;
  auto cid = Cid::from_bytes(Bytes(bytes).first(2 + *size));
  return cid ? std::optional(*cid) : std::nullopt;
}

}  // namespace

std::string deny_name_of(Bytes multihash) {
  return encode_base58btc(multihash);
}

Result<void> DenylistParser::on_text(std::string_view text) {
  if (is_past_header_) return read_lines(text);
  held_ += text;
  return look_for_header(false);
}

Result<void> DenylistParser::on_end() {
  if (!is_past_header_) {
    if (auto read = look_for_header(true); !read) return read;
  }
  if (held_.empty()) return {};
  return read_line(std::exchange(held_, {}));
}

/// Looks for the end of a header in what is held. Without one in the first kDenyHeaderBytesMax the
/// file has none, and all of it is lines.
Result<void> DenylistParser::look_for_header(bool is_end) {
  size_t at = searched_;
  size_t end = std::string::npos;
  while (at < std::min(held_.size(), limits::kDenyHeaderBytesMax)) {
    const size_t line_end = held_.find('\n', at);
    if (line_end == std::string::npos && !is_end) break;
    const std::string_view line = std::string_view(held_).substr(at, line_end - at);
    if (trimmed(line) == kHeaderEnd) {
      end = at;
      break;
    }
    at = line_end == std::string::npos ? held_.size() : line_end + 1;
  }
  searched_ = at;
  const bool is_found = end != std::string::npos;
  const bool may_come =
      at < limits::kDenyHeaderBytesMax && held_.size() - at <= limits::kDenyLineBytesMax;
  if (!is_found && !is_end && may_come) return {};
  is_past_header_ = true;
  std::string all = std::exchange(held_, {});
  if (!is_found) return read_lines(all);
  auto header = read_denylist_header(std::string_view(all).substr(0, end));
  if (!header) return std::unexpected(std::move(header.error()));
  is_legal_ = header->is_legal;
  std::string_view rest = std::string_view(all).substr(end);
  (void)take_line(rest);
  line_ = static_cast<uint32_t>(
              std::count(all.begin(), all.begin() + static_cast<ptrdiff_t>(end), '\n')) +
          1;
  return read_lines(rest);
}

Result<void> DenylistParser::read_lines(std::string_view text) {
  while (true) {
    const size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    if (held_.size() + part.size() > limits::kDenyLineBytesMax) {
      ++line_;
      return fail_line(Errc::kTooLarge, "the line is too long");
    }
    if (end == std::string_view::npos) {
      held_ += part;
      return {};
    }
    text.remove_prefix(end + 1);
    if (held_.empty()) {
      if (auto read = read_line(part); !read) return read;
      continue;
    }
    held_ += part;
    const std::string line = std::exchange(held_, {});
    if (auto read = read_line(line); !read) return read;
  }
}

Result<void> DenylistParser::read_line(std::string_view line) {
  ++line_;
  line = trimmed(line);
  if (line.empty() || line.starts_with('#')) return {};
  const size_t end = std::min(line.find_first_of(" \t"), line.size());
  std::string_view text = line.substr(0, end);
  DenyRule rule{.key = {}, .is_legal = is_legal_, .line = line_};
  for (std::string_view hints = trimmed(line.substr(end)); !hints.empty();) {
    const size_t hint_end = std::min(hints.find_first_of(" \t"), hints.size());
    const std::string_view hint = hints.substr(0, hint_end);
    hints = trimmed(hints.substr(hint_end));
    const size_t sign = hint.find_first_of(":=");
    if (sign == std::string_view::npos) continue;
    read_deny_hint(hint.substr(0, sign), hint.substr(sign + 1), rule.is_legal);
  }
  rule.allows = take(text, "!") || take(text, "-") || take(text, "+");
  if (take(text, "//")) return read_double_hash(text, rule);
  if (take(text, "/ipfs/") || take(text, "/ipld/")) return read_content(text, rule);
  if (!take(text, "/ipns/")) {
    return fail_line(Errc::kMalformed, "a rule begins with /ipfs/, /ipns/ or //");
  }
  ++counts_.ipns;
  return {};
}

/// Reads "CID[/PATH][*]".
Result<void> DenylistParser::read_content(std::string_view text, DenyRule rule) {
  const size_t slash = text.find('/');
  const std::string_view name = text.substr(0, slash);
  std::optional<Cid> cid;
  if (auto read = Cid::from_text(name)) cid = *read;
  if (!cid) cid = cid_of_multihash(name);
  if (!cid) return fail_line(Errc::kMalformed, "no CID");
  std::string_view path = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  const bool is_prefix = path.ends_with('*');
  if (is_prefix) path.remove_suffix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto decoded = percent_decoded(path);
  if (!decoded) return fail_line(Errc::kMalformed, "the path is not percent-encoded");
  std::string key = deny_name_of(cid->multihash());
  if (!is_prefix) {
    if (!decoded->empty()) key += "/" + *decoded;
    rule.key = DenyKey::of_text(key);
    return add(rule);
  }
  if (decoded->size() > limits::kDenyPrefixBytesMax) {
    return fail_line(Errc::kTooLarge, "the path before the * is too long");
  }
  if (decoded->empty()) {  // The content itself, too.
    rule.key = DenyKey::of_text(key);
    if (!sink_.on_rule(rule)) return fail_line(Errc::kTooLarge, "there are too many rules");
  }
  rule.match = DenyMatch::kPrefix;
  rule.text_bytes = static_cast<uint32_t>(decoded->size());
  rule.key = DenyKey::of_text(key + "/" + *decoded);
  if (auto added = add(rule); !added) return added;
  rule.match = DenyMatch::kHasPrefixes;
  rule.key = DenyKey::of_text(key);
  if (!sink_.on_rule(rule)) return fail_line(Errc::kTooLarge, "there are too many rules");
  return {};
}

Result<void> DenylistParser::read_double_hash(std::string_view text, DenyRule rule) {
  if (text.size() == kLegacyDigits) {
    std::array<uint8_t, kLegacyDigits / 2> digest{};
    size_t at = 0;
    while (at < digest.size()) {
      const auto byte = hex_byte(text.substr(2 * at));
      if (!byte) break;
      digest[at++] = *byte;
    }
    if (at == digest.size()) {
      rule.key = DenyKey::of(digest);
      return add(rule);
    }
  }
  const auto cid = cid_of_multihash(text);
  if (!cid || cid->is_identity()) {
    return fail_line(Errc::kMalformed, "neither a multihash in base58btc nor a SHA-256 in hex");
  }
  const bool is_known = Hasher::can_verify(*cid) &&
                        (cid->hash_code() != hash::kBlake3 || cid->digest().size() == kBlake3Bytes);
  if (!is_known) {
    ++counts_.hashes;
    return {};
  }
  if (cid->hash_code() != hash::kSha2_256 && !sink_.on_hash_function(cid->hash_code())) {
    return fail_line(Errc::kTooLarge, "the lists are double-hashed by too many functions");
  }
  rule.key = DenyKey::of(cid->digest());
  return add(rule);
}

Result<void> DenylistParser::add(const DenyRule& rule) {
  ++counts_.rules;
  counts_.exceptions += rule.allows ? 1 : 0;
  if (!sink_.on_rule(rule)) return fail_line(Errc::kTooLarge, "there are too many rules");
  return {};
}

std::unexpected<Error> DenylistParser::fail_line(Errc code, std::string_view why) const {
  return fail(code, std::to_string(line_) + ": " + std::string(why));
}

}  // namespace daphnis
