#include "broker/admin/stats_line.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "broker/admin/metrics.h"
#include "common/base/check.h"

namespace daphnis::broker {
namespace {

/// Fields that stand one after another in the line: those of an object, or of the line itself.
struct Part {
  std::string_view object;  ///< Empty: the line.
  std::string_view keys;    ///< Separated by spaces.
};

/// The order of the line. Each field of metrics_of has its place here.
constexpr Part kParts[] = {
    {"", "time uptime_s interval_ms"},
    {"l2s", "registered v2 legacy proven idle busy full suspect"},
    {"", "workers fetches_in_flight fetches_waiting attempts_in_flight"},
    {"", "fetches served cancelled cached joined joiners"},
    {"failed",
     "no_l2 failed silent not_found overloaded draining path_not_found denied "
     "denied_legally"},
    {"", "attempts handoffs"},
    {"answers",
     "complete not_found verify_failed aborted stalled cancelled lost overtaken yielded silent "
     "l2_lost late double unknown"},
    {"first_byte_ms", "count p50 p99"},
    {"", "registrations losses refused tokens_refused holdings connections"},
    {"clients", "connections requests 2xx 3xx 4xx 5xx aborted left joins spools bytes_out denied"},
    {"cache",
     "up limit_bytes used_bytes reserved_bytes doomed_bytes entries spools spool_dir_bytes hits "
     "stores evictions purged expired faults quarantined refused"},
    {"", "car_bytes_through_broker drained_bytes"},
    {"", "rss_bytes descriptors descriptors_max loop_lag_ms cpu_ms"},
};

/// The JSON values of the fields by their paths. Texts come from the broker and need no escapes.
using Values = std::map<std::string, std::string>;

void begin_field(std::string& out, std::string_view key) {
  if (out.back() != '{') out.push_back(',');
  fmt::format_to(std::back_inserter(out), "\"{}\":", key);
}

/// Takes the fields of the part out of `values`.
void add_part(std::string& out, const Part& part, Values& values) {
  const std::string prefix = part.object.empty() ? "" : fmt::format("{}.", part.object);
  for (const auto word : std::views::split(part.keys, ' ')) {
    const std::string_view key(word.begin(), word.end());
    const auto value = values.extract(prefix + std::string(key));
    check(!value.empty(), "each place in the stats line has its field");
    begin_field(out, key);
    out += value.mapped();
  }
}

/// The line without its last brace.
std::string line_of(Values values) {
  std::string out = "{";
  for (const Part& part : kParts) {
    if (part.object.empty()) {
      add_part(out, part, values);
      continue;
    }
    begin_field(out, part.object);
    out.push_back('{');
    add_part(out, part, values);
    out.push_back('}');
  }
  check(values.empty(), "each field has its place in the stats line");
  return out;
}

std::string text_of(std::optional<uint64_t> value) {
  return value ? std::to_string(*value) : "null";
}

void add_first_byte(Values& out, const Histogram& second) {
  out["first_byte_ms.count"] = std::to_string(second.count());
  out["first_byte_ms.p50"] = text_of(second.quantile(0.5));
  out["first_byte_ms.p99"] = text_of(second.quantile(0.99));
}

std::string silence_of(const Workers& workers, uint64_t now_ms) {
  std::string out = "{";
  for (const auto& [id, worker] : workers.all()) {
    if (!worker.is_admitted) continue;
    begin_field(out, std::to_string(worker.pid));
    out += std::to_string(now_ms - worker.heard_ms);
  }
  return out + "}";
}

}  // namespace

std::string StatsWriter::line(Broker& broker, const ProcessGauges& process, uint64_t now_ms,
                              Workers form) {
  const Metrics metrics = metrics_of(broker, process, now_ms);
  Values values;
  for (const auto& [path, kind, value] : metrics.fields()) {
    const bool is_counter = kind == MetricKind::kCounter;
    const uint64_t before = is_counter ? std::exchange(before_[path], value) : 0;
    check(values.emplace(path, std::to_string(value - before)).second, "a path is one field's");
  }
  values["time"] = fmt::format("\"{}\"", process.time);
  values["interval_ms"] = std::to_string(line_ms_ == 0 ? process.uptime_ms : now_ms - line_ms_);
  values["cpu_ms"] = std::to_string((process.cpu_us - cpu_us_before_) / 1000);
  add_first_byte(values, broker.counters().first_byte_second);
  std::string line = line_of(std::move(values));
  if (form == Workers::kListed) {
    begin_field(line, "workers_silent_ms");
    line += silence_of(broker.workers(), now_ms);
  }
  cpu_us_before_ = process.cpu_us;
  line_ms_ = now_ms;
  broker.counters().first_byte_second.clear();
  return line + "}\n";
}

}  // namespace daphnis::broker
