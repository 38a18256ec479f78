#include "common/uv/pending/refusals.h"

#include <utility>

namespace daphnis::uv {

Refusals::Refusals(Loop& loop, Log& log, LogLine line, std::string_view count_key,
                   uint64_t log_every_ms)
    : loop_(loop),
      log_(log),
      line_(std::move(line)),
      count_key_(count_key),
      log_every_ms_(log_every_ms) {}

void Refusals::add(std::string_view address, std::string_view why) {
  ++count_;
  const uint64_t now_ms = loop_.now_ms();
  if (now_ms < next_log_ms_) return;
  next_log_ms_ = now_ms + log_every_ms_;
  log_.warn(LogLine(line_).add("from", address).add("why", why).add(count_key_, count_));
}

}  // namespace daphnis::uv
