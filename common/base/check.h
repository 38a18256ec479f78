#pragma once

#include <source_location>

namespace daphnis {

/// Writes `what` and the place in the source to stderr and aborts the process: its state is
/// impossible, so going on could only do harm. Only bugs end here; wrong input and a failing system
/// are handled as errors.
[[noreturn]] void abort_on_bug(const char* what,
                               std::source_location where = std::source_location::current());

/// Aborts the process where `holds` is false. Release builds check as well.
inline void check(bool holds, const char* what,
                  std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    abort_on_bug(what, where);
}

}  // namespace daphnis
