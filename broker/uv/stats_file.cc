#include "broker/uv/stats_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/limits.h"
#include "common/uv/owned_path.h"

namespace daphnis::broker::uv {
namespace {

/// POLLOUT says that a pipe takes this many bytes without blocking (pipe(7), PIPE_BUF).
constexpr size_t kPipeLineBytes = 4096;

bool takes_a_line(int fd) {
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLOUT) != 0;
}

Result<daphnis::uv::UniqueFd> open_stats(const std::string& path) {
  if (path != "-") return daphnis::uv::open_owned_file(path, O_WRONLY | O_APPEND | O_CREAT);
  daphnis::uv::UniqueFd fd(::dup(STDOUT_FILENO));
  if (!fd) return fail_sys(errno, "no standard output for statistics");
  return fd;
}

}  // namespace

/// One write in the thread pool. Owns its bytes, and may outlive the StatsFile.
struct StatsFile::Write {
  uv_fs_t request{};
  std::string bytes;
  std::shared_ptr<daphnis::uv::UniqueFd> file;
  StatsFile* owner;  ///< Null once the StatsFile is gone.
};

Result<std::unique_ptr<StatsFile>> StatsFile::open(daphnis::uv::Loop& loop, std::string path) {
  std::unique_ptr<StatsFile> self(new StatsFile(loop, std::move(path)));
  if (auto opened = self->reopen(); !opened) return std::unexpected(opened.error());
  return self;
}

StatsFile::~StatsFile() {
  if (write_) write_->owner = nullptr;
}

Result<void> StatsFile::reopen() {
  auto fd = open_stats(path_);
  if (!fd) return std::unexpected(fd.error());
  struct stat about {};
  const bool is_file = ::fstat(fd->get(), &about) == 0 && S_ISREG(about.st_mode);
  sink_ = is_file ? Sink::kFile : Sink::kPipe;
  file_ = std::make_shared<daphnis::uv::UniqueFd>(std::move(*fd));
  return {};
}

void StatsFile::write(const std::string& line) {
  if (sink_ == Sink::kPipe) {
    write_pipe(line);
    return;
  }
  if (queue_.size() + line.size() > limits::kStatsQueueBytesMax) {
    ++lines_dropped_;
    return;
  }
  queue_ += line;
  write_file();
}

void StatsFile::write_pipe(const std::string& line) {
  if (line.size() > kPipeLineBytes || !takes_a_line(file_->get()) ||
      ::write(file_->get(), line.data(), line.size()) < 0) {
    ++lines_dropped_;
  }
}

void StatsFile::write_file() {
  if (write_ || queue_.empty()) return;
  write_ =
      new Write{.request = {}, .bytes = std::exchange(queue_, {}), .file = file_, .owner = this};
  write_->request.data = write_;
  const uv_buf_t buffer =
      uv_buf_init(write_->bytes.data(), static_cast<unsigned>(write_->bytes.size()));
  const int error = uv_fs_write(
      loop_.raw(), &write_->request, file_->get(), &buffer, 1, -1, [](uv_fs_t* request) noexcept {
        const std::unique_ptr<Write> done(static_cast<Write*>(request->data));
        const bool is_whole = request->result == static_cast<ssize_t>(done->bytes.size());
        uv_fs_req_cleanup(request);
        if (!done->owner) return;
        done->owner->write_ = nullptr;
        if (!is_whole)
          ++done->owner->lines_dropped_;  // The disk is full; half a line may be there.
        done->owner->write_file();
      });
  if (error != 0) {
    delete std::exchange(write_, nullptr);
    ++lines_dropped_;
  }
}

}  // namespace daphnis::broker::uv
