#include "broker/admin/prometheus_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>
#include <vector>

namespace daphnis::broker {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return MetricType::Counter;
    case MetricKind::kGauge:
      return MetricType::Gauge;
    case MetricKind::kHistogram:
      return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

ClientMetric value_of(const Metric& metric, const Metric::Value& one) {
  ClientMetric out;
  if (!metric.label.empty()) {
    out.label.push_back({std::string(metric.label), std::string(one.label_value)});
  }
  const bool is_counter = metric.kind == MetricKind::kCounter;
  (is_counter ? out.counter.value : out.gauge.value) = static_cast<double>(one.value);
  return out;
}

ClientMetric histogram_of(const Histogram& values) {
  ClientMetric out;
  out.histogram.sample_count = values.count();
  out.histogram.sample_sum = static_cast<double>(values.sum_ms()) / 1000;
  for (const unsigned bound_ms :
       {1U, 2U, 5U, 10U, 20U, 50U, 100U, 200U, 500U, 800U, 1000U, 2000U, 5000U}) {
    out.histogram.bucket.push_back(
        {values.at_most(bound_ms), static_cast<double>(bound_ms) / 1000});
  }
  return out;
}

MetricFamily family_of(const Metric& metric) {
  MetricFamily out{
      "daphnis_" + std::string(metric.name), std::string(metric.help), type_of(metric.kind), {}};
  for (const auto& one : metric.values) out.metric.push_back(value_of(metric, one));
  if (metric.histogram) out.metric.push_back(histogram_of(*metric.histogram));
  return out;
}

}  // namespace

std::string prometheus_text(const Metrics& metrics) {
  std::vector<MetricFamily> families;
  for (const Metric& metric : metrics.all()) families.push_back(family_of(metric));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace daphnis::broker
