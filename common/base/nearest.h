#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace daphnis {

/// The name that `written` was probably meant to be: the one with the fewest characters to insert,
/// remove or change, if these are at most a third of its own; else empty. For messages on typos.
[[nodiscard]] std::string nearest_name(std::string_view written,
                                       const std::vector<std::string>& known);

}  // namespace daphnis
