#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/histogram.h"
#include "broker/base/process_gauges.h"
#include "broker/broker.h"

namespace daphnis::broker {

/// What a metric's value is. A counter only grows: /metrics has its total since the start, and its
/// field in the stats line the difference since the line before. Both have a gauge as it is.
enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

/// One metric of /metrics: one value, or one for each value of its label, which are a small closed
/// set (outcomes, states), never L2 ids. All texts are literals.
struct Metric {
  struct Value {
    std::string_view label_value;
    uint64_t value = 0;
  };
  MetricKind kind = MetricKind::kCounter;
  std::string_view name;  ///< Without the prefix of all names, "daphnis_".
  std::string_view help;
  std::string_view label = {};           ///< Empty: there is none.
  std::vector<Value> values = {};        ///< Empty with a histogram.
  const Histogram* histogram = nullptr;  ///< Of the broker; null with the other kinds.
};

/// One number of the stats line.
struct StatsField {
  std::string path;  ///< "served", or "cache.hits" for the field `hits` of the object `cache`.
  MetricKind kind = MetricKind::kCounter;
  uint64_t value = 0;
};

/// The metrics, and the fields of the stats line, in the order of the calls that add them. A `path`
/// is the field that shows the same value in the stats line; empty: it has none.
class Metrics {
 public:
  void counter(std::string_view name, std::string_view help, uint64_t value,
               std::string_view path = {}) {
    begin(MetricKind::kCounter, name, help);
    add({}, value, path);
  }
  void gauge(std::string_view name, std::string_view help, uint64_t value,
             std::string_view path = {}) {
    begin(MetricKind::kGauge, name, help);
    add({}, value, path);
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& values) {
    begin(MetricKind::kHistogram, name, help);
    all_.back().histogram = &values;
  }
  /// Begins a metric that has a value for each value of `label`; calls of add() follow.
  void begin(MetricKind kind, std::string_view name, std::string_view help,
             std::string_view label = {}) {
    all_.push_back({.kind = kind, .name = name, .help = help, .label = label});
  }
  /// Adds a value to the metric that was begun last.
  void add(std::string_view label_value, uint64_t value, std::string_view path = {}) {
    all_.back().values.push_back({label_value, value});
    if (!path.empty()) fields_.push_back({std::string(path), all_.back().kind, value});
  }
  /// Adds a value that only the stats line has, and has as it is.
  void only_in_line(std::string_view path, uint64_t value) {
    fields_.push_back({std::string(path), MetricKind::kGauge, value});
  }

  /// The same for what only grows: the line has how much it grew.
  void counter_in_line(std::string_view path, uint64_t value) {
    fields_.push_back({std::string(path), MetricKind::kCounter, value});
  }

  [[nodiscard]] const std::vector<Metric>& all() const { return all_; }
  [[nodiscard]] const std::vector<StatsField>& fields() const { return fields_; }

 private:
  std::vector<Metric> all_;
  std::vector<StatsField> fields_;
};

/// The one declaration of every counter and gauge, with its value now. `broker` must outlive it.
/// Where a path is new, the order of the stats line in stats_line.cc gets it too; a test says what
/// docs/stats.md lacks then.
[[nodiscard]] Metrics metrics_of(const Broker& broker, const ProcessGauges& process,
                                 uint64_t now_ms);

}  // namespace daphnis::broker
