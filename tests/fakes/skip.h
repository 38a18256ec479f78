#pragma once

#include <cstdio>
#include <string>

namespace daphnis::test {

/// The exit code that means "skipped" to ctest (SKIP_RETURN_CODE in cmake/targets.cmake).
inline constexpr int kSkipped = 77;
inline bool anything_skipped = false;

/// Reports that a test case cannot run on this machine, and why; the case must return right after.
/// Catch2 2.13 cannot skip tests, so tests/catch_main.cc turns this into an exit code.
inline void skip(const std::string& reason) {
  std::printf("skipped: %s\n", reason.c_str());
  anything_skipped = true;
}

}  // namespace daphnis::test
