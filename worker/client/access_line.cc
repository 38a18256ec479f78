#include "worker/client/access_line.h"

#include <string_view>

namespace daphnis::worker {
namespace {

std::string_view or_dash(std::string_view text) {
  return text.empty() ? "-" : text;
}

}  // namespace

LogLine access_line(const Exchange& exchange, Outcome end, uint64_t now_ms) {
  const bool has_status = exchange.state() != Exchange::State::kWaiting;
  const bool has_first_byte = exchange.first_byte_ms() != kNever;
  LogLine line("access");
  line.add("request_id", exchange.facts.request_id)
      .add("client", or_dash(exchange.client().address))
      .add("method", or_dash(exchange.request().method))
      .add("target", or_dash(exchange.request().target))
      .add("status", has_status ? exchange.response().status : 0)
      .add("bytes", exchange.content_bytes_written())
      .add("duration_ms", now_ms - exchange.started_ms());
  if (has_first_byte) line.add("ttfb_ms", exchange.first_byte_ms() - exchange.started_ms());
  if (exchange.facts.attempts > 0) {
    line.add("l2", or_dash(exchange.facts.l2));
    if (!exchange.facts.l2s.empty()) line.add("l2s", exchange.facts.l2s);
    line.add("attempts", exchange.facts.attempts);
  }
  if (exchange.facts.cache != CacheStatus::kNone) line.add("cache", name_of(exchange.facts.cache));
  if (!exchange.facts.failure.empty()) line.add("failure", exchange.facts.failure);
  line.add("outcome", name_of(end));
  return line;
}

}  // namespace daphnis::worker
