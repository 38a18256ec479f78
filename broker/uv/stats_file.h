#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"

namespace daphnis::broker::uv {

/// Writes stats lines to a file, by appending, or to stdout ("-"). Never blocks the loop: files are
/// written in libuv's thread pool, stdout only while it takes a whole line. Lines that do not fit
/// into kStatsQueueBytesMax are dropped and counted. Owned by the Shell.
class StatsFile {
 public:
  /// Errors: kSystem.
  [[nodiscard]] static Result<std::unique_ptr<StatsFile>> open(daphnis::uv::Loop& loop,
                                                               std::string path);
  ~StatsFile();
  StatsFile(const StatsFile&) = delete;
  StatsFile& operator=(const StatsFile&) = delete;

  void write(const std::string& line);
  /// Opens the path anew, after a rotation. On an error the former file stays. Errors: kSystem.
  [[nodiscard]] Result<void> reopen();

  /// True for a file, which takes lines of any length; a pipe takes lines of up to 4 KiB.
  [[nodiscard]] bool is_file() const { return sink_ == Sink::kFile; }
  [[nodiscard]] uint64_t lines_dropped() const { return lines_dropped_; }

 private:
  struct Write;
  enum class Sink : uint8_t { kFile, kPipe };

  StatsFile(daphnis::uv::Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}
  void write_file();
  void write_pipe(const std::string& line);

  daphnis::uv::Loop& loop_;
  std::string path_;
  Sink sink_ = Sink::kFile;
  std::shared_ptr<daphnis::uv::UniqueFd> file_;  ///< Shared with the write under way.
  std::string queue_;
  Write* write_ = nullptr;  ///< The write under way; frees itself.
  uint64_t lines_dropped_ = 0;
};

}  // namespace daphnis::broker::uv
