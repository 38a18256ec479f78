#include "worker/uv/cache_folder_reads.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/core/limits.h"
#include "worker/uv/page_cache.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;
using Outcome = CacheLook::Outcome;

/// Either of page_cache.h's.
using Reader = FileRead (*)(int fd, uint64_t offset, std::span<uint8_t> into);

constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;

/// Opens without waiting: fails with EAGAIN where a name is not in memory, and with ENOSYS or
/// EINVAL where the system does not know how.
int open_cached(const std::string& path) {
  open_how how{};
  how.flags = kOpenFlags;
  how.resolve = RESOLVE_CACHED;
  return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
}

/// Whether an open() that failed says something of this file alone.
bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR || error == EMFILE || error == ENFILE ||
         error == ENOMEM;
}

CacheLook fault(const FileRead& read) {
  if (read.error == 0) return {.outcome = Outcome::kCorrupt, .detail = "shorter than it was"};
  return {.outcome = Outcome::kUnreadable, .detail = std::strerror(read.error)};
}

/// Looks at an open file. False: cold.
bool look_at(UniqueFd fd, Reader read, CacheLook& out) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    out = {.outcome = Outcome::kUnreadable, .detail = std::strerror(errno)};
    return true;
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size < kCacheFooterBytes) {
    out = {.outcome = Outcome::kCorrupt, .detail = "shorter than a footer"};
    return true;
  }
  std::array<uint8_t, kCacheFooterBytes> end;
  FileRead done = read(fd.get(), size - end.size(), end);
  if (done.outcome == FileRead::Outcome::kCold) return false;
  if (done.outcome == FileRead::Outcome::kLost) {
    out = fault(done);
    return true;
  }
  const Result<CacheFooter> footer = read_cache_footer(end, size);
  if (!footer) {
    out = {.outcome = Outcome::kCorrupt, .detail = footer.error().text()};
    return true;
  }
  out.outcome = Outcome::kFound;
  out.file = {.footer = *footer, .stored_s = status.st_mtim.tv_sec};
  if (footer->body_bytes > limits::kHotBodyBytesMax) {
    out.file.file = std::make_shared<SystemFile>(std::move(fd));
    return true;
  }
  const auto body_bytes = static_cast<size_t>(footer->body_bytes);
  BufferRef buffer = BufferRef::allocate(body_bytes);
  done = read(fd.get(), 0, {buffer.data(), body_bytes});
  if (done.outcome == FileRead::Outcome::kLost) out = fault(done);
  if (done.outcome != FileRead::Outcome::kDone) return done.outcome != FileRead::Outcome::kCold;
  const uint8_t* data = buffer.data();
  out.file.body = {std::move(buffer), data, body_bytes};
  return true;
}

CacheLook look_waiting(const std::string& path) {
  CacheLook look;
  UniqueFd fd(::open(path.c_str(), kOpenFlags));
  if (fd) {
    const bool is_answered = look_at(std::move(fd), read_waiting, look);
    if (!is_answered) look = {};
  } else if (!is_missing(errno)) {
    look = {.outcome = Outcome::kUnreadable, .detail = std::strerror(errno)};
  }
  return look;
}

/// The system knows from now on, without waiting, whether there is such a file.
void read_name(const std::string& path) {
  static_cast<void>(::access(path.c_str(), F_OK));
}

CacheRead fault_of(const FileRead& done) {
  const bool is_cut = done.error == 0;
  return {.outcome = is_cut ? CacheRead::Outcome::kCorrupt : CacheRead::Outcome::kUnreadable,
          .detail = is_cut ? "shorter than it was" : std::strerror(done.error)};
}

CacheRead read_of(const FileRead& done, BufferRef buffer) {
  if (done.outcome != FileRead::Outcome::kDone) return fault_of(done);
  const uint8_t* data = buffer.data();
  const size_t size = buffer.capacity();
  return {.outcome = CacheRead::Outcome::kDone, .bytes = {std::move(buffer), data, size}};
}

CacheRead read_index(int fd, const CacheFooter& footer) {
  std::vector<uint8_t> trailer(static_cast<size_t>(footer.trailer_bytes()));
  const FileRead done = read_waiting(fd, footer.body_bytes, trailer);
  if (done.outcome != FileRead::Outcome::kDone) return fault_of(done);
  Result<BlockIndex> index = BlockIndex::from_trailer(trailer, footer);
  if (!index && index.error().code == Errc::kNotFound)
    return {.outcome = CacheRead::Outcome::kUnavailable};
  if (!index) return {.outcome = CacheRead::Outcome::kCorrupt, .detail = index.error().text()};
  return {.outcome = CacheRead::Outcome::kDone,
          .index = std::make_shared<BlockIndex>(std::move(*index))};
}

}  // namespace

CacheFolderReads::CacheFolderReads(daphnis::uv::Loop& loop, Events events)
    : loop_(loop), events_(std::move(events)) {}

void CacheFolderReads::set_folder(const std::string& folder, const std::string& presence) {
  folder_ = folder;
  presence_.reset();
  memory_.reset();
  if (presence.empty()) return;
  auto memory = daphnis::uv::SharedMemory::open(presence, PresenceFilter::kBytes);
  if (!memory) return;
  memory_ = std::move(*memory);
  presence_.emplace(memory_->bytes());
}

std::string CacheFolderReads::path_of(const RequestKey& key) const {
  return folder_ + "/objects/" + cache_file_name(key);
}

CacheReads::When CacheFolderReads::look_up(const RequestKey& key, std::span<const RequestKey> next,
                                           uint64_t id, CacheLook& out) {
  if (presence_ && !presence_->may_hold(key)) return When::kNow;
  const std::string path = path_of(key);
  UniqueFd fd(open_cached(path));
  if (!fd && errno == ENOENT) return When::kNow;
  if (fd && look_at(std::move(fd), read_cached, out)) return When::kNow;

  struct Look {
    std::string path;
    std::vector<std::string> next = {};
    CacheLook look = {};
  };
  auto shared = std::make_shared<Look>(Look{.path = path});
  for (const RequestKey& other : next) shared->next.push_back(path_of(other));
  start(
      id,
      [shared] {
        shared->look = look_waiting(shared->path);
        if (shared->look.outcome != Outcome::kMissing) return;
        for (const std::string& other : shared->next) read_name(other);
      },
      [this, shared, id] { events_.on_look(id, std::move(shared->look)); });
  out = {};
  return When::kLater;
}

CacheReads::When CacheFolderReads::read(const FileRef& file, uint64_t offset, size_t size,
                                        uint64_t id, CacheRead& out) {
  BufferRef buffer = BufferRef::allocate(size);
  const FileRead done = read_cached(file->descriptor(), offset, {buffer.data(), size});
  if (done.outcome != FileRead::Outcome::kCold) {
    out = read_of(done, std::move(buffer));
    return When::kNow;
  }
  struct Read {
    FileRef file;
    uint64_t offset;
    BufferRef buffer;
    FileRead done = {};
  };
  auto shared = std::make_shared<Read>(Read{file, offset, std::move(buffer)});
  start(
      id,
      [shared] {
        shared->done = read_waiting(shared->file->descriptor(), shared->offset,
                                    {shared->buffer.data(), shared->buffer.capacity()});
      },
      [this, shared, id] {
        events_.on_read(id, read_of(shared->done, std::move(shared->buffer)));
      });
  return When::kLater;
}

/// Long lists take long to check and to sort: all of them go to the thread pool.
CacheReads::When CacheFolderReads::index_of(const CachedFile& file, uint64_t id, CacheRead&) {
  struct Index {
    FileRef file;
    CacheFooter footer;
    CacheRead read = {};
  };
  auto shared = std::make_shared<Index>(Index{file.file, file.footer});
  start(
      id, [shared] { shared->read = read_index(shared->file->descriptor(), shared->footer); },
      [this, shared, id] { events_.on_read(id, std::move(shared->read)); });
  return When::kLater;
}

void CacheFolderReads::start(uint64_t id, std::function<void()> work, std::function<void()> done) {
  auto task = std::make_unique<daphnis::uv::PoolTask>(loop_);
  task->start(std::move(work), [this, id, done = std::move(done)] {
    tasks_.erase(id);
    done();
  });
  tasks_.emplace(id, std::move(task));
}

}  // namespace daphnis::worker::uv
