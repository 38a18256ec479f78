#pragma once

#include <functional>
#include <string>

namespace daphnis::broker {

/// Calls `visit` for each name in `folder` but "." and "..". Returns 0 or an errno: what was
/// visited until then counts. Blocks.
[[nodiscard]] int for_each_name(const std::string& folder,
                                const std::function<void(const std::string&)>& visit);

}  // namespace daphnis::broker
