#pragma once

#include <cstdio>
#include <string>

namespace daphnis::test {

/// What ctest takes for "skipped" (SKIP_RETURN_CODE in cmake/targets.cmake).
inline constexpr int kSkipped = 77;
inline bool anything_skipped = false;

/// Says that a test case cannot show anything here, and why; the case returns right after. Catch2
/// 2.13 knows no such thing, so that tests/catch_main.cc makes an exit code of it.
inline void skip(const std::string& reason) {
  std::printf("skipped: %s\n", reason.c_str());
  anything_skipped = true;
}

}  // namespace daphnis::test
