#include "broker/uv/line_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "common/base/check.h"
#include "common/uv/owned_path.h"

namespace daphnis::broker::uv {
namespace {

/// POLLOUT says that a pipe takes this many bytes without blocking (pipe(7), PIPE_BUF).
constexpr size_t kPipeLineBytes = 4096;

bool takes_a_line(int fd) {
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLOUT) != 0;
}

Result<daphnis::uv::UniqueFd> open_path(const std::string& path) {
  if (path != "-") return daphnis::uv::open_owned_file(path, O_WRONLY | O_APPEND | O_CREAT);
  daphnis::uv::UniqueFd fd(::dup(STDOUT_FILENO));
  if (!fd) return fail_sys(errno, "no standard output");
  return fd;
}

}  // namespace

/// One write in the thread pool. Owns its bytes, and may outlive the LineFile.
struct LineFile::Write {
  uv_fs_t request{};
  std::string bytes;
  std::shared_ptr<daphnis::uv::UniqueFd> file;
  daphnis::uv::Loop& loop;
  LineFile* owner;        ///< Null once the LineFile is gone.
  std::string next = {};  ///< What is to be written after it where the LineFile is gone.
};

Result<std::unique_ptr<LineFile>> LineFile::open(daphnis::uv::Loop& loop, std::string path) {
  std::unique_ptr<LineFile> self(new LineFile(loop, std::move(path)));
  if (auto opened = self->reopen(); !opened) return std::unexpected(opened.error());
  return self;
}

LineFile::~LineFile() {
  if (!write_) return;
  write_->owner = nullptr;
  write_->next = std::move(queue_);
}

Result<void> LineFile::reopen() {
  auto fd = open_path(path_);
  if (!fd) return std::unexpected(fd.error());
  struct stat about {};
  const bool is_file = ::fstat(fd->get(), &about) == 0 && S_ISREG(about.st_mode);
  sink_ = is_file ? Sink::kFile : Sink::kPipe;
  is_torn_ = false;
  file_ = std::make_shared<daphnis::uv::UniqueFd>(std::move(*fd));
  return {};
}

void LineFile::write(const std::string& line) {
  if (sink_ == Sink::kPipe) {
    write_pipe(line);
    return;
  }
  if (queue_.size() + line.size() > kLineQueueBytesMax) {
    ++lines_dropped_;
    return;
  }
  queue_ += line;
  write_file();
}

void LineFile::write_pipe(const std::string& line) {
  if (line.size() > kPipeLineBytes || !takes_a_line(file_->get()) ||
      ::write(file_->get(), line.data(), line.size()) < 0) {
    ++lines_dropped_;
  }
}

void LineFile::write_file() {
  if (write_ || queue_.empty()) return;
  if (is_torn_) queue_.insert(0, 1, '\n');
  write_ =
      new Write{.bytes = std::exchange(queue_, {}), .file = file_, .loop = loop_, .owner = this};
  start(loop_, write_);
}

void LineFile::start(daphnis::uv::Loop& loop, Write* write) {
  write->request.data = write;
  const uv_buf_t buffer =
      uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const int error = uv_fs_write(
      loop.raw(), &write->request, write->file->get(), &buffer, 1, -1,
      [](uv_fs_t* request) noexcept {
        const std::unique_ptr<Write> done(static_cast<Write*>(request->data));
        const size_t written = request->result > 0 ? static_cast<size_t>(request->result) : 0;
        uv_fs_req_cleanup(request);
        if (done->owner) return done->owner->on_written(*done, written);
        if (done->next.empty()) return;
        start(done->loop, new Write{.bytes = std::move(done->next),
                                    .file = done->file,
                                    .loop = done->loop,
                                    .owner = nullptr});
      });
  check(error == 0, "libuv refuses a write that is made as it wants");
}

void LineFile::on_written(const Write& done, size_t bytes_written) {
  write_ = nullptr;
  const std::string_view bytes = done.bytes;
  std::string_view rest = bytes.substr(bytes_written);
  // That line end belongs to half a line which was lost, and counted, before.
  if (bytes_written == 0 && rest.front() == '\n') rest.remove_prefix(1);
  lines_dropped_ += static_cast<uint64_t>(std::ranges::count(rest, '\n'));
  if (bytes_written > 0 && done.file == file_) is_torn_ = bytes[bytes_written - 1] != '\n';
  write_file();
}

}  // namespace daphnis::broker::uv
