#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "broker/base/process_gauges.h"
#include "broker/broker.h"

namespace daphnis::broker {

/// Makes the line that the stats file gets once a second (docs/stats.md): the fields of metrics_of,
/// and what only a line has: its time and the time it spans. Owned by the shell; one for each
/// broker.
class StatsWriter {
 public:
  /// kListed names every worker in the line, which makes it long.
  enum class Workers : uint8_t { kCounted, kListed };

  /// The line with its line end. Its counts begin anew with each call.
  [[nodiscard]] std::string line(Broker& broker, const ProcessGauges& process, uint64_t now_ms,
                                 Workers workers = Workers::kCounted);

 private:
  /// By its path, what a counter had counted at the line before; one for each counter of a line.
  std::map<std::string, uint64_t> before_;
  uint64_t cpu_us_before_ = 0;
  uint64_t line_ms_ = 0;
};

}  // namespace daphnis::broker
