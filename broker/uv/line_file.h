#pragma once

#include <memory>
#include <string>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"

namespace daphnis::broker::uv {

/// Bytes of lines that are not yet written to one file.
inline constexpr size_t kLineQueueBytesMax = limits::kMiB;

/// Writes lines to a file, by appending, or to stdout ("-"): those of the statistics and those of
/// attempts. Never blocks the loop: files are written in libuv's thread pool, stdout only while it
/// takes a whole line. Lines that do not fit into kLineQueueBytesMax, or that the file does not
/// take, are dropped and counted. Owned by the Shell.
class LineFile {
 public:
  /// `loop` must outlive this object, and run once more after it, for the last lines.
  /// Errors: kSystem.
  [[nodiscard]] static Result<std::unique_ptr<LineFile>> open(daphnis::uv::Loop& loop,
                                                              std::string path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Writes a line, which has its line end.
  void write(const std::string& line);
  /// Opens the path anew, after a rotation. On an error the former file stays. Errors: kSystem.
  [[nodiscard]] Result<void> reopen();

  /// True for a file, which takes lines of any length; a pipe takes lines of up to 4 KiB.
  [[nodiscard]] bool is_file() const { return sink_ == Sink::kFile; }
  [[nodiscard]] uint64_t lines_dropped() const { return lines_dropped_; }

 private:
  struct Write;
  enum class Sink : uint8_t { kFile, kPipe };

  LineFile(daphnis::uv::Loop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}
  void write_file();
  static void start(daphnis::uv::Loop& loop, Write* write);
  void on_written(const Write& done, size_t bytes_written);
  void write_pipe(const std::string& line);

  daphnis::uv::Loop& loop_;
  std::string path_;
  Sink sink_ = Sink::kFile;
  std::shared_ptr<daphnis::uv::UniqueFd> file_;  ///< Shared with the write under way.
  std::string queue_;
  /// The disk was full and took half a line: the next one is not to become a part of that.
  bool is_torn_ = false;
  Write* write_ = nullptr;  ///< The write under way; frees itself.
  uint64_t lines_dropped_ = 0;
};

}  // namespace daphnis::broker::uv
