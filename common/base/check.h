#pragma once

#include <source_location>

namespace daphnis {

/// Ends the process with `what` and the place on stderr: the state is impossible, so going on could
/// only do harm. For bugs alone; input and environment are handled as errors.
[[noreturn]] void abort_on_bug(const char* what,
                               std::source_location where = std::source_location::current());

/// Stays on in release builds.
inline void check(bool holds, const char* what,
                  std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    abort_on_bug(what, where);
}

}  // namespace daphnis
