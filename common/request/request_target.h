#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "common/ipld/cid.h"

namespace daphnis::http {

/// The parts of a request target (RFC 9112 section 3.2), views into it, still percent-encoded.
struct Target {
  std::string_view path;   ///< Begins with '/', or is "*" (OPTIONS).
  std::string_view query;  ///< After the '?', may be empty.
};

/// Splits origin-form, absolute-form (http and https; its authority is ignored, since one gateway
/// serves every name) and asterisk-form. Refuses any other form, and a '#'.
[[nodiscard]] std::expected<Target, Refusal> split_target(std::string_view target);

/// Appends `text` to `out` with its percent-escapes resolved. False where an escape is malformed.
[[nodiscard]] bool percent_decode(std::string_view text, std::string& out);

/// `text` with every character escaped that is not unreserved in RFC 3986.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// The parameters of a query: `key=value` joined by '&', percent-escaped, '+' for a space. The
/// order is as sent. At most kHttpQueryFieldsMax.
class Query {
 public:
  [[nodiscard]] static std::expected<Query, Refusal> parse(std::string_view text);

  /// The value of `key`; nullptr where there is none.
  [[nodiscard]] const std::string* find(std::string_view key) const;
  /// True where `key` comes more than once. It is not clear then which value is meant, and two
  /// caches might choose differently, so the gateway refuses this for the keys it reads.
  [[nodiscard]] bool is_repeated(std::string_view key) const;

 private:
  struct Field {
    std::string key;
    std::string value;
  };
  std::vector<Field> fields_;
};

/// A content path, canonical: every spelling of the same CID and segments gives the same value.
struct IpfsPath {
  Cid root = {};
  std::vector<std::string> segments = {};

  bool operator==(const IpfsPath&) const = default;
};

/// Reads "/ipfs/{cid}[/segment…]" from a target's path. The CID may be in any multibase and case.
/// Segments are percent-decoded once; empty ones ("//", a slash at the end) are left out, as path
/// libraries do. Refused with 400: an escape that is malformed or hides '/' or NUL, "." and "..",
/// text that is not UTF-8, more than kPathSegmentsMax segments, and CIDs we cannot read; with 501:
/// "/ipns/"; with 404: any other path.
[[nodiscard]] std::expected<IpfsPath, Refusal> parse_ipfs_path(std::string_view path);

/// "/ipfs/{cid}[/segment…]": canonical CID text, segments percent-encoded.
[[nodiscard]] std::string to_text(const IpfsPath& path);

}  // namespace daphnis::http
