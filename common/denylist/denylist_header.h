#pragma once

#include <string_view>

#include "common/base/result.h"

namespace daphnis {

/// The head of a `.deny` file: lines of YAML before a line "---"
/// (https://specs.ipfs.tech/compact-denylist-format/).
struct DenylistHeader {
  bool is_legal = false;  ///< Its hint gateway_status is 451, for all lines that say nothing else.
};

/// Reads the lines before the "---". Of YAML only that is read which these headers hold: fields
/// with one value each, and `hints` as a block or as a flow mapping; whatever else is indented is
/// passed over. Errors, with the line's number and a colon in front: kUnsupported (another version
/// than 1), kMalformed (a line that is no field).
[[nodiscard]] Result<DenylistHeader> read_denylist_header(std::string_view text);

/// Reads one hint, "gateway_status:451" or "gateway_status=451", into `is_legal`. Other hints
/// change nothing.
void read_deny_hint(std::string_view name, std::string_view value, bool& is_legal);

/// Takes the next line off the front of `text`, without its end.
[[nodiscard]] std::string_view take_line(std::string_view& text);

/// The text without white space at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace daphnis
