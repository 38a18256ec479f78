#pragma once

#include <string>
#include <string_view>

#include "broker/base/attempt_record.h"

namespace daphnis::broker {

/// The line with its line end that the file of attempts gets for one that has ended
/// (docs/stats.md): a JSON object, in which no text can forge a field or a line. `time` is when it
/// ended, in RFC 3339.
[[nodiscard]] std::string attempt_line(const AttemptRecord& record, std::string_view time);

}  // namespace daphnis::broker
