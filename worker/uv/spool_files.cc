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

#include "common/base/check.h"
#include "common/base/limits.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr mode_t kMode = 0644;
constexpr size_t kPartsPerWrite = 64;

/// Writes all of `data` at `offset`. Returns 0 or an errno. Copies no slice, since reference counts
/// belong to another thread.
int write_all(int fd, const Slices& data, uint64_t offset) {
  std::array<iovec, kPartsPerWrite> parts{};
  size_t at = 0;       // The slice that is being written.
  size_t written = 0;  // Bytes of it that are written.
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

/// Opens a regular file, and nothing else. Returns 0 or an errno.
int open_file(const std::string& path, int flags, UniqueFd& fd) {
  fd = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode));
  if (!fd) return errno;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno;
  return S_ISREG(info.st_mode) ? 0 : EINVAL;
}

}  // namespace

/// Jobs under way, in one thread of the pool. Shared by runs_ and libuv, which cannot be made to
/// let go of it.
struct SpoolFiles::Run {
  struct One {
    FileJob job;
    UniqueFd fd;  ///< The file that the job opened.
    int error = 0;

    void work();
  };

  uv_work_t request{};
  std::vector<One> all;
  std::promise<void> worked;  ///< Set when the other thread is done with this object.
  SpoolFiles* owner = nullptr;
  std::shared_ptr<Run> self;  ///< A reference that is dropped when libuv is done with this object.
};

void SpoolFiles::Run::One::work() {
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

SpoolFiles::SpoolFiles(daphnis::uv::Loop& loop, Done done)
    : loop_(loop), done_(std::move(done)), gather_timer_(loop, [this] { start_gathered(); }) {}

SpoolFiles::~SpoolFiles() {
  for (const auto& run : runs_) {
    run->owner = nullptr;
    const bool is_cancelled = uv_cancel(reinterpret_cast<uv_req_t*>(&run->request)) == 0;
    if (!is_cancelled) run->worked.get_future().wait();
    run->all.clear();
  }
}

void SpoolFiles::start(FileJob job) {
  if (!job.may_wait) {
    Jobs alone;
    alone.push_back(std::move(job));
    return start(std::move(alone));
  }
  if (gathered_.empty()) gather_timer_.start(limits::kSpoolGatherMs);
  gathered_.push_back(std::move(job));
  if (gathered_.size() == limits::kSpoolGatherJobs) start_gathered();
}

void SpoolFiles::start_gathered() {
  gather_timer_.stop();
  start(std::exchange(gathered_, {}));
}

void SpoolFiles::start(Jobs jobs) {
  waiting_.push_back(std::move(jobs));
  start_next();
}

void SpoolFiles::start_next() {
  if (waiting_.empty() || running_ >= limits::kSpoolJobsAtOnce) return;
  auto run = std::make_shared<Run>();
  for (FileJob& job : waiting_.front()) run->all.push_back({.job = std::move(job), .fd = {}});
  waiting_.pop_front();
  run->owner = this;
  run->request.data = run.get();
  run->self = run;
  runs_.push_back(run);
  ++running_;
  const int error = uv_queue_work(
      loop_.raw(), &run->request,
      [](uv_work_t* request) noexcept {
        Run& jobs = *static_cast<Run*>(request->data);
        for (Run::One& one : jobs.all) one.work();
        jobs.worked.set_value();
      },
      [](uv_work_t* request, int) noexcept {
        const std::shared_ptr<Run> ended = std::move(static_cast<Run*>(request->data)->self);
        if (ended->owner) ended->owner->on_run_done(*ended);
      });
  check(error == 0, "uv_queue_work refused its arguments");
}

void SpoolFiles::on_run_done(Run& run) {
  std::vector<FileJobDone> ends;
  for (Run::One& one : run.all) {
    ends.push_back({.kind = one.job.kind,
                    .owner = one.job.owner,
                    .error = one.error,
                    .path = std::move(one.job.path),
                    .file = {},
                    .offset = one.job.offset});
    const bool is_made = one.job.kind == FileJob::Kind::kCreate;
    if (one.fd && (is_made || one.error == 0)) {
      ends.back().file = std::make_shared<SystemFile>(std::move(one.fd));
    }
  }
  run.all.clear();
  runs_.remove_if([&](const auto& other) { return other.get() == &run; });
  --running_;
  start_next();
  for (FileJobDone& end : ends) done_(std::move(end));
}

}  // namespace daphnis::worker::uv
