#include "broker/admin/metrics.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <numeric>

#include "common/ipc/each_field.h"
#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

// Counters begin with numbers from here on, which nothing else counts up to.
constexpr uint64_t kFirst = 1'000'000;

/// How many metrics, or values of a label, have this value.
size_t times_shown(const Metrics& metrics, uint64_t value) {
  size_t times = 0;
  for (const Metric& metric : metrics.all()) {
    for (const auto& one : metric.values) times += one.value == value ? 1 : 0;
  }
  return times;
}

}  // namespace

TEST_CASE("each counter of the broker is one metric", "[broker][admin]") {
  Rig rig;
  std::array<uint64_t, offsetof(Counters, first_byte) / sizeof(uint64_t)> values{};
  static_assert(sizeof(Counters) == sizeof(values) + 2 * sizeof(Histogram),
                "the histograms stand behind the counters");
  std::iota(values.begin(), values.end(), kFirst);
  std::memcpy(static_cast<void*>(&rig.broker.counters()), values.data(), sizeof(values));
  const Metrics metrics = metrics_of(rig.broker, {}, rig.now_ms);
  for (size_t i = 0; i < values.size(); ++i) {
    INFO("the field at 8 * " << i);
    CHECK(times_shown(metrics, values[i]) == 1);
  }
}

TEST_CASE("each number that workers report is one metric, or only in the list of workers",
          "[broker][admin]") {
  Rig rig;
  ipc::WorkerStats stats;
  uint64_t next = kFirst;
  stats.fields(stats, ipc::EachField{
                          [&]<class Field>(Field& field) { field = static_cast<Field>(next++); }});
  rig.tell(rig.connect_worker(), stats);
  const Metrics metrics = metrics_of(rig.broker, {}, rig.now_ms);
  for (uint64_t value = kFirst; value < next; ++value) {
    INFO("the field number " << value - kFirst);
    const bool is_only_listed =
        value == stats.fetches || value == stats.descriptors || value == stats.rss_bytes;
    CHECK(times_shown(metrics, value) == (is_only_listed ? 0 : 1));
  }
}

}  // namespace daphnis::broker
