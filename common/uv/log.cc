#include "common/uv/log.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "common/base/limits.h"

namespace daphnis::uv {
namespace {

/// True where a write of up to PIPE_BUF bytes would not block. The descriptor is often shared with
/// other processes, so O_NONBLOCK, which belongs to the open file and not to us, is not changed.
bool is_writable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLOUT) != 0;
}

/// How many bytes may be written at once without blocking: PIPE_BUF to a pipe or terminal, since
/// POLLOUT promises space for that much; any number to a file.
size_t bytes_at_once(int fd) {
  constexpr size_t kPipeBytes = 4096;
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? limits::kLogBufferBytesMax
                                                            : kPipeBytes;
}

/// Removes the oldest quarter of the held text, in whole lines, and returns the number of lines.
/// The newest lines are kept: after a full disk an operator wants to see what happened last.
uint64_t drop_oldest(std::string& held) {
  const size_t end = held.find('\n', held.size() / 4);
  const size_t bytes = end == std::string::npos ? held.size() : end + 1;
  const auto lines = std::count(held.begin(), held.begin() + static_cast<ptrdiff_t>(bytes), '\n');
  held.erase(0, bytes);
  return static_cast<uint64_t>(lines);
}

}  // namespace

Log::Log(std::string proc, int fd)
    : proc_(std::move(proc)), fd_(fd), bytes_at_once_(bytes_at_once(fd)) {}

Log::~Log() {
  flush();
}

void Log::write(LogLevel level, const LogLine& line) {
  if (!is_on(level)) return;
  append(level, line);
  flush();
}

void Log::access(const LogLine& line) {
  append(LogLevel::kInfo, line);
}

void Log::append(LogLevel level, const LogLine& line) {
  if (held_.size() > limits::kLogBufferBytesMax) {
    lines_dropped_ += drop_oldest(held_);
  }
  held_.append("time=").append(time_text()).append(" level=").append(name(level));
  held_.append(" proc=").append(proc_).append(" ").append(line.text()).push_back('\n');
}

void Log::flush() {
  size_t written = 0;
  while (written < held_.size() && (is_file() || is_writable(fd_))) {
    const size_t size = std::min(held_.size() - written, bytes_at_once_);
    const ssize_t done = ::write(fd_, held_.data() + written, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && (errno == ENOSPC || errno == EDQUOT)) break;  // The disk may have space later.
    if (done <= 0) {
      // A closed pipe: these lines can never be written.
      lines_dropped_ += static_cast<uint64_t>(std::ranges::count(held_, '\n'));
      held_.clear();
      return;
    }
    written += static_cast<size_t>(done);
  }
  held_.erase(0, written);
}

std::string_view Log::time_text() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != second_) {
    second_ = now.tv_sec;
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    char text[32];
    const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    second_text_.assign(text, size);
  }
  const auto ms = static_cast<int>(now.tv_nsec / 1'000'000);
  time_text_ = second_text_;
  time_text_.push_back('.');
  for (const int digit : {ms / 100, ms / 10 % 10, ms % 10}) {
    time_text_.push_back(static_cast<char>('0' + digit));
  }
  time_text_.push_back('Z');
  return time_text_;
}

}  // namespace daphnis::uv
