#include "tests/sim/edge/worker_disk.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::sim {

using worker::CacheLook;
using worker::CacheRead;
using worker::FileJob;

WorkerDisk::~WorkerDisk() {
  scene_.tally.jobs_cut += runs_.size();
}

// --- Jobs ---

void WorkerDisk::start(FileJob job) {
  waiting_.push_back(std::move(job));
  start_next();
}

void WorkerDisk::start_next() {
  if (waiting_.empty() || runs_.size() >= limits::kSpoolJobsAtOnce) return;
  Run& run = runs_.emplace_back(scene_, std::move(waiting_.front()));
  waiting_.pop_front();
  run.done = {.kind = run.job.kind,
              .owner = run.job.owner,
              .error = 0,
              .path = run.job.path,
              .file = {},
              .offset = run.job.offset};
  for (const Slice& slice : run.job.data) run.text.append(as_text(slice.bytes()));
  if (run.job.file) run.inode = OpenFile::inode_of(run.job.file).shared_from_this();
  std::vector<DiskTask::Part> parts{[this, &run] { begin(run); }};
  // The bytes are written in two parts, so that a death may come between them.
  if (const size_t size = run.text.size(); size > 0) {
    const size_t half = size / 2;
    parts.emplace_back([this, &run, half] { write(run, 0, half); });
    parts.emplace_back([this, &run, half, size] { write(run, half, size); });
  }
  run.task.start(std::move(parts), [this, &run] { end(run); });
}

void WorkerDisk::begin(Run& run) {
  switch (run.job.kind) {
    case FileJob::Kind::kCreate:
      run.done.error = scene_.disk.create(run.job.path, run.inode);
      if (run.inode && !run.job.path.starts_with("/cache/")) ++scene_.tally.spool_dir_files;
      break;
    case FileJob::Kind::kOpen:
      run.done.error = scene_.disk.open(run.job.path, run.inode);
      if (run.inode) ++scene_.tally.joins_opened;
      break;
    case FileJob::Kind::kUnlink:
      scene_.disk.unlink(run.job.path);
      break;
    case FileJob::Kind::kWrite:
    case FileJob::Kind::kSync:
      break;
  }
}

void WorkerDisk::write(Run& run, size_t from, size_t to) {
  if (run.done.error != 0 || from == to) return;
  if (run.inode->name.find("/objects/") != std::string::npos) {
    scene_.fail("a worker writes to " + run.inode->name);
  }
  run.done.error = scene_.disk.write(*run.inode, run.job.offset + from,
                                     std::string_view(run.text).substr(from, to - from));
}

void WorkerDisk::end(Run& run) {
  worker::FileJobDone done = std::move(run.done);
  const bool is_opened =
      run.inode && (done.kind == FileJob::Kind::kCreate || done.kind == FileJob::Kind::kOpen);
  if (is_opened) done.file = std::make_shared<OpenFile>(std::move(run.inode));
  if (done.error != 0) {
    scene_.trace("a job on {} fails: {}", done.path, std::strerror(done.error));
  }
  runs_.remove_if([&](const Run& other) { return &other == &run; });
  start_next();
  events_.on_job_done(std::move(done));
}

// --- Reads ---

void WorkerDisk::later(worker::CacheQueryId id, std::function<void()> work,
                       std::function<void()> done) {
  ++scene_.tally.reads_later;
  const auto task = reads_.try_emplace(id, scene_).first;
  task->second.start({std::move(work)}, [this, task, done = std::move(done)] {
    const auto call = done;
    reads_.erase(task);
    call();
  });
}

CacheLook WorkerDisk::look(const std::string& path) {
  CacheLook out;
  Disk::InodeRef inode;
  if (scene_.disk.open(path, inode) != 0) return out;
  const auto fault = [&](CacheLook::Outcome outcome, std::string detail) {
    scene_.trace("{} is of no use: {}", path, detail);
    return CacheLook{.outcome = outcome, .detail = std::move(detail)};
  };
  const uint64_t size = inode->bytes.size();
  if (size < kCacheFooterBytes) return fault(CacheLook::Outcome::kCorrupt, "shorter than a footer");
  std::string end;
  if (scene_.disk.read(*inode, size - kCacheFooterBytes, kCacheFooterBytes, end) != 0) {
    return fault(CacheLook::Outcome::kUnreadable, "EIO");
  }
  const Result<CacheFooter> footer = read_cache_footer(as_bytes(end), size);
  if (!footer) return fault(CacheLook::Outcome::kCorrupt, footer.error().text());
  out.outcome = CacheLook::Outcome::kFound;
  out.file = {.footer = *footer,
              .stored_s = 1'700'000'000 + static_cast<int64_t>(inode->changed_ms / 1000)};
  if (footer->body_bytes > limits::kOpenFileBodyBytesMax) {
    out.file.file = std::make_shared<OpenFile>(std::move(inode));
    return out;
  }
  std::string body;
  if (scene_.disk.read(*inode, 0, static_cast<size_t>(footer->body_bytes), body) != 0) {
    return fault(CacheLook::Outcome::kUnreadable, "EIO");
  }
  out.file.body = Slice::copy_of(as_bytes(body));
  return out;
}

void WorkerDisk::set_folder(const std::string& folder, const std::string& filter) {
  folder_ = folder;
  const auto found = scene_.filters.find(filter);
  filter_ = found == scene_.filters.end() ? nullptr : found->second;
}

worker::CacheReads::When WorkerDisk::look_up(const RequestKey& key, std::span<const RequestKey>,
                                             worker::CacheQueryId id, CacheLook& out) {
  if (filter_ && !filter_->filter.may_hold(key)) return When::kNow;
  const std::string path = folder_ + "/objects/" + cache_file_name(key);
  if (!scene_.disk.is_cold()) {
    out = look(path);
    return When::kNow;
  }
  auto shared = std::make_shared<CacheLook>();
  later(
      id, [this, shared, path] { *shared = look(path); },
      [this, shared, id] { events_.on_look(id, std::move(*shared)); });
  return When::kLater;
}

CacheRead WorkerDisk::read_part(const Disk::Inode& inode, uint64_t offset, size_t size) {
  std::string bytes;
  if (scene_.disk.read(inode, offset, size, bytes) != 0) {
    return {.outcome = CacheRead::Outcome::kUnreadable, .detail = "EIO"};
  }
  if (bytes.size() < size) {
    return {.outcome = CacheRead::Outcome::kCorrupt, .detail = "shorter than it was"};
  }
  return {.outcome = CacheRead::Outcome::kDone, .bytes = Slice::copy_of(as_bytes(bytes))};
}

CacheRead WorkerDisk::read_index(const Disk::Inode& inode, const CacheFooter& footer) {
  CacheRead read = read_part(inode, footer.body_bytes, static_cast<size_t>(footer.trailer_bytes()));
  if (read.outcome != CacheRead::Outcome::kDone) return read;
  auto index = worker::BlockIndex::from_trailer(read.bytes.bytes(), footer);
  if (!index && index.error().code == Errc::kNotFound) {
    return {.outcome = CacheRead::Outcome::kUnavailable};
  }
  if (!index) return {.outcome = CacheRead::Outcome::kCorrupt, .detail = index.error().text()};
  return {.outcome = CacheRead::Outcome::kDone,
          .index = std::make_shared<worker::BlockIndex>(std::move(*index))};
}

worker::CacheReads::When WorkerDisk::read(const worker::FileRef& file, uint64_t offset, size_t size,
                                          worker::CacheQueryId id, CacheRead& out) {
  if (!scene_.disk.is_cold()) {
    out = read_part(OpenFile::inode_of(file), offset, size);
    return When::kNow;
  }
  auto shared = std::make_shared<CacheRead>();
  later(
      id,
      [this, shared, file, offset, size] {
        *shared = read_part(OpenFile::inode_of(file), offset, size);
      },
      [this, shared, id] { events_.on_read(id, std::move(*shared)); });
  return When::kLater;
}

worker::CacheReads::When WorkerDisk::index_of(const worker::CachedFile& file,
                                              worker::CacheQueryId id, CacheRead&) {
  auto shared = std::make_shared<CacheRead>();
  later(
      id,
      [this, shared, open = file.file, footer = file.footer] {
        *shared = read_index(OpenFile::inode_of(open), footer);
      },
      [this, shared, id] { events_.on_read(id, std::move(*shared)); });
  return When::kLater;
}

}  // namespace daphnis::sim
