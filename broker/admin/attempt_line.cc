#include "broker/admin/attempt_line.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>

namespace daphnis::broker {
namespace {

void begin_key(std::string& out, std::string_view key) {
  out.push_back(out.empty() ? '{' : ',');
  fmt::format_to(std::back_inserter(out), "\"{}\":", key);
}

/// Ids are of plain characters wherever they come in; this holds also where one is not.
void add_text(std::string& out, std::string_view key, std::string_view value) {
  begin_key(out, key);
  out.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f || c == '"' || c == '\\') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void add_number(std::string& out, std::string_view key, std::optional<uint64_t> value) {
  begin_key(out, key);
  out += value ? std::to_string(*value) : "null";
}

}  // namespace

std::string attempt_line(const AttemptRecord& record, std::string_view time) {
  std::string out;
  out.reserve(512);
  add_text(out, "time", time);
  add_text(out, "l2", record.l2_id);
  add_text(out, "root", record.root.text());
  add_text(out, "requestId", text_of(record.attempt_id));
  add_text(out, "traceId", record.trace_id);
  add_number(out, "worker", record.worker);
  add_number(out, "received_bytes", record.received_bytes);
  add_number(out, "used_bytes", record.used_bytes);
  add_number(out, "first_byte_ms", record.first_byte_ms);
  add_number(out, "duration_ms", record.duration_ms);
  add_text(out, "outcome", name_of(record.outcome));
  add_number(out, "number", record.number);
  add_number(out, "skip", record.skip);
  return out + "}\n";
}

}  // namespace daphnis::broker
