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

#include "common/base/limits.h"
#include "common/cachefile/cache_denial.h"
#include "common/uv/fd.h"
#include "worker/uv/page_cache.h"
#include "worker/uv/system_file.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;

/// Opens a file without waiting for a disk. Fails with EAGAIN where a part of the path is not in
/// memory, and with ENOSYS or EINVAL where the system does not know how.
int open_cached(const std::string& path) {
  open_how how{};
  how.flags = kOpenFlags;
  how.resolve = RESOLVE_CACHED;
  return static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
}

/// True where the errno of an open() says nothing against the disk: there is no such file, or none
/// can be opened at the moment.
bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR || error == EMFILE || error == ENFILE ||
         error == ENOMEM;
}

/// Why the file of a failed read is corrupt; empty where the errno tells.
std::string corruption(const FileRead& read) {
  if (read.error == 0) return "shorter than it was";
  return read.error == EBADMSG ? "a checksum does not hold" : "";
}

CacheLook fault(const FileRead& read) {
  if (std::string why = corruption(read); !why.empty()) {
    return {.outcome = CacheLook::Outcome::kCorrupt, .detail = std::move(why)};
  }
  return {.outcome = CacheLook::Outcome::kUnreadable, .detail = std::strerror(read.error)};
}

/// Reads the checksums of an open file, if it keeps any. False where they are cold, or where `out`
/// describes a fault.
bool read_sums(int fd, const CacheFooter& footer, Reader read, std::optional<PieceSums>& sums,
               CacheLook& out, bool& is_cold) {
  const auto size = static_cast<size_t>(footer.sums_bytes());
  if (size == 0) return true;
  std::vector<uint8_t> bytes(size);
  const FileRead done = read(fd, footer.sums_offset(), bytes);
  is_cold = done.outcome == FileRead::Outcome::kCold;
  if (done.outcome == FileRead::Outcome::kLost) out = fault(done);
  if (done.outcome != FileRead::Outcome::kDone) return false;
  auto found = PieceSums::read(bytes, footer.body_bytes);
  if (!found) {
    out = {.outcome = CacheLook::Outcome::kCorrupt, .detail = found.error().text()};
    return false;
  }
  sums = std::move(*found);
  return true;
}

/// Reads an open file's footer, and a small body, into `out`. False where they are cold.
bool look_at(UniqueFd fd, Reader read, bool verifies, CacheLook& out) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    out = {.outcome = CacheLook::Outcome::kUnreadable, .detail = std::strerror(errno)};
    return true;
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size < kCacheFooterBytes) {
    out = {.outcome = CacheLook::Outcome::kCorrupt, .detail = "shorter than a footer"};
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
    out = {.outcome = CacheLook::Outcome::kCorrupt, .detail = footer.error().text()};
    return true;
  }
  std::optional<PieceSums> sums;
  bool is_cold = false;
  if (verifies && !read_sums(fd.get(), *footer, read, sums, out, is_cold)) return !is_cold;
  out.outcome = CacheLook::Outcome::kFound;
  out.file = {.footer = *footer, .stored_s = status.st_mtim.tv_sec};
  if (footer->body_bytes > limits::kOpenFileBodyBytesMax) {
    out.file.file = std::make_shared<SystemFile>(std::move(fd), std::move(sums));
    return true;
  }
  const auto body_bytes = static_cast<size_t>(footer->body_bytes);
  BufferRef buffer = BufferRef::allocate(body_bytes);
  const std::span<uint8_t> body{buffer.data(), body_bytes};
  done = sums ? read_checked(fd.get(), *sums, 0, body, read) : read(fd.get(), 0, body);
  if (done.outcome == FileRead::Outcome::kLost) out = fault(done);
  if (done.outcome != FileRead::Outcome::kDone) return done.outcome != FileRead::Outcome::kCold;
  const uint8_t* data = buffer.data();
  out.file.body = {std::move(buffer), data, body_bytes};
  return true;
}

/// Judges the file by the blocks that its trailer lists.
void judge(int fd, const DenyTable& table, CacheLook& look) {
  const CacheFooter& footer = look.file.footer;
  std::vector<uint8_t> bytes(static_cast<size_t>(footer.trailer_bytes()));
  const FileRead done = read_waiting(fd, footer.body_bytes, bytes);
  if (done.outcome != FileRead::Outcome::kDone) {
    look = fault(done);
    return;
  }
  const Result<CacheTrailer> trailer = read_cache_trailer(bytes, footer);
  if (!trailer) {
    look = {.outcome = CacheLook::Outcome::kCorrupt, .detail = trailer.error().text()};
  } else if (const auto denial = denial_of(*trailer, table)) {
    look = {.outcome = CacheLook::Outcome::kDenied, .denial = *denial};
  } else if (trailer->blocks.empty()) {
    look = {.outcome = CacheLook::Outcome::kUnchecked};
  }
}

/// `table` judges the file, unless it is null.
CacheLook look_waiting(const std::string& path, bool verifies, const DenyTable* table) {
  CacheLook look;
  UniqueFd fd(::open(path.c_str(), kOpenFlags));
  const UniqueFd again = table && fd ? daphnis::uv::copy_of(fd.get()) : UniqueFd();
  if (table && fd && !again) return {.outcome = CacheLook::Outcome::kUnchecked};
  if (fd) {
    const bool is_done = look_at(std::move(fd), read_waiting, verifies, look);
    if (!is_done) look = {};
  } else if (!is_missing(errno)) {
    look = {.outcome = CacheLook::Outcome::kUnreadable, .detail = std::strerror(errno)};
  }
  if (again && look.outcome == CacheLook::Outcome::kFound) judge(again.get(), *table, look);
  return look;
}

/// Reads the path's names into memory, so that a later look at them does not wait.
void read_name(const std::string& path) {
  static_cast<void>(::access(path.c_str(), F_OK));
}

CacheRead fault_of(const FileRead& done) {
  if (std::string why = corruption(done); !why.empty()) {
    return {.outcome = CacheRead::Outcome::kCorrupt, .detail = std::move(why)};
  }
  return {.outcome = CacheRead::Outcome::kUnreadable, .detail = std::strerror(done.error)};
}

/// A part of a file's body, with the bytes around it that its checksums cover.
struct PartRead {
  PartRead(FileRef from, uint64_t offset, size_t bytes) : file(std::move(from)), size(bytes) {
    if (size > 0) sums = sums_of(*file);
    place = sums ? sums->around(offset, size) : PieceSums::Span{offset, size};
    skipped = static_cast<size_t>(offset - place.offset);
    buffer = BufferRef::allocate(place.size);
  }

  void run(Reader read) {
    const std::span<uint8_t> into{buffer.data(), place.size};
    const int fd = file->descriptor();
    done = sums ? read_checked(fd, *sums, place.offset, into, read) : read(fd, place.offset, into);
  }
  [[nodiscard]] CacheRead result() {
    if (done.outcome != FileRead::Outcome::kDone) return fault_of(done);
    const uint8_t* data = buffer.data() + skipped;
    return {.outcome = CacheRead::Outcome::kDone, .bytes = {std::move(buffer), data, size}};
  }

  FileRef file;
  const PieceSums* sums = nullptr;  ///< The file's checksums; null where nothing is checked.
  PieceSums::Span place;
  size_t skipped = 0;
  size_t size;
  BufferRef buffer;
  FileRead done = {};
};

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

CacheFolderReads::CacheFolderReads(daphnis::uv::Loop& loop, Events events, bool verifies)
    : loop_(loop), events_(std::move(events)), verifies_(verifies) {}

void CacheFolderReads::set_folder(const std::string& folder, const std::string& filter) {
  folder_ = folder;
  filter_.reset();
  memory_.reset();
  if (filter.empty()) return;
  auto memory = daphnis::uv::SharedMemory::open(filter, CountingBloomFilter::kBytes);
  if (!memory) return;
  memory_ = std::move(*memory);
  filter_.emplace(memory_->bytes());
}

std::string CacheFolderReads::path_of(const RequestKey& key) const {
  return folder_ + "/objects/" + cache_file_name(key);
}

CacheReads::When CacheFolderReads::look_up(const RequestKey& key, std::span<const RequestKey> next,
                                           CacheQueryId id, CacheLook& out) {
  if (filter_ && !filter_->may_hold(key)) return When::kNow;
  const std::string path = path_of(key);
  UniqueFd fd(open_cached(path));
  if (!fd && errno == ENOENT) return When::kNow;
  const bool is_judged = table_ != nullptr;  // That takes long.
  if (fd && !is_judged && look_at(std::move(fd), read_cached, verifies_, out)) return When::kNow;

  struct Look {
    std::string path;
    bool verifies;
    std::shared_ptr<const DenyTable> table;
    std::vector<std::string> next = {};
    CacheLook look = {};
  };
  auto shared = std::make_shared<Look>(Look{.path = path, .verifies = verifies_, .table = table_});
  for (const RequestKey& other : next) shared->next.push_back(path_of(other));
  start(
      id,
      [shared] {
        shared->look = look_waiting(shared->path, shared->verifies, shared->table.get());
        if (shared->look.outcome != CacheLook::Outcome::kMissing) return;
        for (const std::string& other : shared->next) read_name(other);
      },
      [this, shared, id] { events_.on_look(id, std::move(shared->look)); });
  out = {};
  return When::kLater;
}

CacheReads::When CacheFolderReads::read(const FileRef& file, uint64_t offset, size_t size,
                                        CacheQueryId id, CacheRead& out) {
  PartRead part(file, offset, size);
  part.run(read_cached);
  if (part.done.outcome != FileRead::Outcome::kCold) {
    out = part.result();
    return When::kNow;
  }
  auto shared = std::make_shared<PartRead>(std::move(part));
  start(
      id, [shared] { shared->run(read_waiting); },
      [this, shared, id] { events_.on_read(id, shared->result()); });
  return When::kLater;
}

/// Reads an index in the thread pool always, since a long list takes long to check and to sort.
CacheReads::When CacheFolderReads::index_of(const CachedFile& file, CacheQueryId id, CacheRead&) {
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

void CacheFolderReads::start(CacheQueryId id, std::function<void()> work,
                             std::function<void()> done) {
  auto task = std::make_unique<daphnis::uv::PoolTask>(loop_);
  task->start(std::move(work), [this, id, done = std::move(done)] {
    tasks_.erase(id);
    done();
  });
  tasks_.emplace(id, std::move(task));
}

}  // namespace daphnis::worker::uv
