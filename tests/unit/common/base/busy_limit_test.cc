#include "common/base/busy_limit.h"

#include <catch2/catch.hpp>

namespace daphnis {
namespace {

constexpr size_t kLeast = 10;
constexpr size_t kMost = 1'000;

/// A process, of whose time a part is busy, and its limit.
class Process {
 public:
  explicit Process(RuleMode mode = RuleMode::kOn) : limit(mode, kLeast, kMost) {}

  bool is_over(size_t under_way) {
    return limit.is_over(under_way, now_ms, [this] {
      ++samples;
      return busy_us;
    });
  }
  void pass(uint64_t ms, uint64_t busy_percent) {
    now_ms += ms;
    busy_us += ms * busy_percent * 10;
  }
  /// Lets time pass in which `under_way` stays the same. Returns what is_over() said in the end.
  bool after(uint64_t ms, uint64_t busy_percent, size_t under_way) {
    bool last = false;
    for (uint64_t passed = 0; passed < ms; passed += BusyLimit::kSampleMs) {
      pass(BusyLimit::kSampleMs, busy_percent);
      last = is_over(under_way);
    }
    return last;
  }

  BusyLimit limit;
  uint64_t now_ms = 50'000;
  uint64_t busy_us = 7'000'000;
  size_t samples = 0;
};

TEST_CASE("a process that is busy all the time takes less and less, down to the least",
          "[busy_limit]") {
  Process process;
  CHECK_FALSE(process.is_over(kMost / 2));
  CHECK_FALSE(process.after(300, 96, kMost / 2));
  CHECK(process.after(1'000, 96, kMost / 2));
  CHECK_FALSE(process.is_over(kLeast));
  CHECK(process.after(10'000, 100, kLeast));
  CHECK_FALSE(process.is_over(kLeast - 1));
}

TEST_CASE("a process with time to spare takes as much as it may", "[busy_limit]") {
  Process process;
  CHECK_FALSE(process.after(10'000, 94, kMost - 1));
}

TEST_CASE("a process that has time to spare again takes more and more", "[busy_limit]") {
  Process process;
  CHECK(process.after(10'000, 100, kLeast + 1));
  CHECK(process.after(100, 50, kMost / 2));
  CHECK_FALSE(process.after(10'000, 50, kMost / 2));
}

TEST_CASE("what is long ago says nothing of how busy a process is", "[busy_limit]") {
  Process process;
  CHECK(process.after(10'000, 100, kMost / 2));
  process.pass(BusyLimit::kForgetMs + 1, 100);
  CHECK_FALSE(process.is_over(kMost / 2));
}

TEST_CASE("a process of which little is asked is not looked at, and else ten times a second",
          "[busy_limit]") {
  Process process;
  process.after(1'000, 100, kLeast - 1);
  CHECK(process.samples == 0);
  for (int i = 0; i < 1'000; ++i) {
    process.pass(1, 100);
    process.is_over(kLeast);
  }
  CHECK(process.samples == 10);
}

TEST_CASE("a limit that only observes says what it would do", "[busy_limit]") {
  Process process(RuleMode::kObserve);
  CHECK(process.after(10'000, 100, kMost / 2));
  CHECK_FALSE(process.limit.is_on());
  Process off(RuleMode::kOff);
  CHECK_FALSE(off.after(10'000, 100, kMost));
  CHECK(off.samples == 0);
}

}  // namespace
}  // namespace daphnis
