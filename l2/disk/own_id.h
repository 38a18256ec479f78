#pragma once

#include <string>

#include "common/base/result.h"

namespace daphnis::l2 {

/// The L2 id kept in the folder `store` (file .daphnis-l2-id). Where there is none, makes a version
/// 4 UUID and keeps it. Errors: kSystem, kMalformed (the file holds no L2 id).
[[nodiscard]] Result<std::string> own_id(const std::string& store);

}  // namespace daphnis::l2
