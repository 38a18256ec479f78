#pragma once

#include <cstdint>
#include <string_view>

#include "common/uv/log.h"
#include "common/uv/loop.h"

namespace daphnis::uv {

/// Counts what is turned away, and says so in the log now and then: who is turned away may come as
/// often as it likes. Owned by whoever turns away.
class Refusals {
 public:
  /// `line` is how each line of the log begins, with its event; behind it come `from`, `why` and,
  /// as `count_key`, the count. A line is written once in `log_every_ms` at the most.
  Refusals(Loop& loop, Log& log, LogLine line, std::string_view count_key, uint64_t log_every_ms);

  /// One from that address was turned away; `why` is a sentence.
  void add(std::string_view address, std::string_view why);
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  Loop& loop_;
  Log& log_;
  const LogLine line_;
  const std::string_view count_key_;
  const uint64_t log_every_ms_;
  uint64_t count_ = 0;
  uint64_t next_log_ms_ = 0;
};

}  // namespace daphnis::uv
