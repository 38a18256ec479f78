#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace daphnis {

/// The known name that `written` was probably meant to be, for messages about typos: the one with
/// the fewest characters to insert, remove or change. Empty where even that one needs more changes
/// than a third of its length.
[[nodiscard]] std::string nearest_name(std::string_view written,
                                       const std::vector<std::string>& known);

}  // namespace daphnis
