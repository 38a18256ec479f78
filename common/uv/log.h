#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/limits.h"
#include "common/base/logfmt.h"

namespace daphnis::uv {

/// The process's log: logfmt lines on stderr, each with `time` (RFC 3339, UTC, milliseconds),
/// `level` and `proc`. Writing never blocks, so that a full disk or a stuck pipe cannot stall the
/// loop: lines that stderr does not take are held, up to kLogBufferBytesMax; beyond that the oldest
/// are dropped and counted. Access lines are gathered and written once a loop turn (flush()).
class Log {
 public:
  explicit Log(std::string proc, int fd = 2);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogLevel level) { level_ = level; }
  [[nodiscard]] bool is_on(LogLevel level) const { return level >= level_; }

  /// Writes at once (warnings and errors must not wait for the turn's end).
  void write(LogLevel level, const LogLine& line);
  void debug(const LogLine& line) { write(LogLevel::kDebug, line); }
  void info(const LogLine& line) { write(LogLevel::kInfo, line); }
  void warn(const LogLine& line) { write(LogLevel::kWarn, line); }
  void error(const LogLine& line) { write(LogLevel::kError, line); }

  /// Holds a line (at level info) until flush().
  void access(const LogLine& line);
  void flush();
  [[nodiscard]] uint64_t lines_dropped() const { return lines_dropped_; }

 private:
  void append(LogLevel level, const LogLine& line);
  [[nodiscard]] std::string_view time_text();
  /// True where stderr is a regular file, which can always be written to.
  [[nodiscard]] bool is_file() const { return bytes_at_once_ == limits::kLogBufferBytesMax; }

  std::string proc_;
  int fd_;
  size_t bytes_at_once_;
  LogLevel level_ = LogLevel::kInfo;
  std::string held_;
  int64_t second_ = -1;
  std::string second_text_;
  std::string time_text_;
  uint64_t lines_dropped_ = 0;
};

}  // namespace daphnis::uv
