#include "worker/uv/spool_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <utility>

#include "common/core/check.h"
#include "common/core/limits.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr mode_t kMode = 0644;
constexpr size_t kPartsPerWrite = 64;

/// pwritev() until all is written. 0, or errno. Touches no reference count: other threads may.
int write_all(int fd, const Slices& data, uint64_t offset) {
  std::array<iovec, kPartsPerWrite> parts{};
  size_t at = 0;       // Slice,
  size_t written = 0;  // and how much of it.
  while (at < data.size()) {
    size_t count = 0;
    for (size_t i = at; i < data.size() && count < parts.size(); ++i, ++count) {
      const size_t skipped = i == at ? written : 0;
      parts[count] = {.iov_base = const_cast<uint8_t*>(data[i].data + skipped),
                      .iov_len = data[i].size - skipped};
    }
    ssize_t size = ::pwritev(fd, parts.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (size == 0) return EIO;
    offset += static_cast<uint64_t>(size);
    for (; at < data.size() && static_cast<size_t>(size) >= data[at].size - written; ++at) {
      size -= static_cast<ssize_t>(data[at].size - written);
      written = 0;
    }
    written += static_cast<size_t>(size);
  }
  return 0;
}

/// Opens a regular file; nothing else may pass for one. 0, or errno.
int open_file(const std::string& path, int flags, UniqueFd& fd) {
  fd = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode));
  if (!fd) return errno;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno;
  return S_ISREG(info.st_mode) ? 0 : EINVAL;
}

}  // namespace

/// One job under way. Shared by the list and libuv, which cannot be made to let go of it.
struct SpoolFiles::Run {
  uv_work_t request{};
  FileJob job;
  UniqueFd fd;  ///< Opened.
  int error = 0;
  std::promise<void> worked;  ///< The other thread no longer touches this.
  SpoolFiles* owner = nullptr;
  std::shared_ptr<Run> self;  ///< Until libuv is done with it.

  void work() {
    switch (job.kind) {
      case FileJob::Kind::kCreate:
        error = open_file(job.path, O_RDWR | O_CREAT | O_EXCL, fd);
        if (error == 0) error = write_all(fd.get(), job.data, job.offset);
        break;
      case FileJob::Kind::kWrite:
        error = write_all(job.file->descriptor(), job.data, job.offset);
        break;
      case FileJob::Kind::kSync:
        error = ::fdatasync(job.file->descriptor()) == 0 ? 0 : errno;
        break;
      case FileJob::Kind::kUnlink:
        error = ::unlink(job.path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
        break;
      case FileJob::Kind::kOpen:
        error = open_file(job.path, O_RDONLY, fd);
        break;
    }
  }
};

SpoolFiles::SpoolFiles(daphnis::uv::Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}

SpoolFiles::~SpoolFiles() {
  for (const auto& run : runs_) {
    run->owner = nullptr;
    const bool is_cancelled = uv_cancel(reinterpret_cast<uv_req_t*>(&run->request)) == 0;
    if (!is_cancelled) run->worked.get_future().wait();
    run->job = {};
  }
}

void SpoolFiles::start(FileJob job) {
  waiting_.push_back(std::move(job));
  start_next();
}

void SpoolFiles::start_next() {
  if (waiting_.empty() || running_ >= limits::kSpoolJobsAtOnce) return;
  auto run = std::make_shared<Run>();
  run->job = std::move(waiting_.front());
  waiting_.pop_front();
  run->owner = this;
  run->request.data = run.get();
  run->self = run;
  runs_.push_back(run);
  ++running_;
  const int error = uv_queue_work(
      loop_.raw(), &run->request,
      [](uv_work_t* request) noexcept {
        Run& work = *static_cast<Run*>(request->data);
        work.work();
        work.worked.set_value();
      },
      [](uv_work_t* request, int) noexcept {
        const std::shared_ptr<Run> ended = std::move(static_cast<Run*>(request->data)->self);
        if (ended->owner) ended->owner->on_run_done(*ended);
      });
  check(error == 0, "uv_queue_work refused its arguments");
}

void SpoolFiles::on_run_done(Run& run) {
  FileJobDone done{.kind = run.job.kind,
                   .owner = run.job.owner,
                   .error = run.error,
                   .path = run.job.path,
                   .file = {},
                   .offset = run.job.offset};
  const bool is_made = run.job.kind == FileJob::Kind::kCreate;
  if (run.fd && (is_made || run.error == 0))
    done.file = std::make_shared<SystemFile>(std::move(run.fd));
  run.job = {};
  runs_.remove_if([&](const auto& other) { return other.get() == &run; });
  --running_;
  start_next();
  done_(std::move(done));
}

}  // namespace daphnis::worker::uv
