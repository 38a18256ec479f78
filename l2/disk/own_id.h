#pragma once

#include <string>

#include "common/base/result.h"

namespace daphnis::l2 {

/// The L2 id kept in `store` (file .daphnis-l2-id); a version 4 UUID is made and kept where there
/// is none. Errors: kSystem, kMalformed (the file holds something else).
[[nodiscard]] Result<std::string> own_id(const std::string& store);

}  // namespace daphnis::l2
