#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "tests/sim/edge/disk_task.h"
#include "tests/sim/edge/scene.h"
#include "worker/base/file_jobs.h"
#include "worker/cache/cache_reads.h"

namespace daphnis::sim {

/// A file that a worker has open.
class OpenFile final : public worker::File {
 public:
  explicit OpenFile(Disk::InodeRef inode) : inode_(std::move(inode)) {}
  [[nodiscard]] int descriptor() const override { return -1; }
  [[nodiscard]] Disk::Inode& inode() const { return *inode_; }
  [[nodiscard]] static Disk::Inode& inode_of(const worker::FileRef& file) {
    return dynamic_cast<const OpenFile&>(*file).inode();
  }

 private:
  Disk::InodeRef inode_;
};

/// A worker's access to the disk: the counterpart of worker::uv::SpoolFiles and CacheFolderReads.
/// Owned by the worker's node and destroyed with it, also in the middle of its work.
class WorkerDisk final : public worker::CacheReads {
 public:
  struct Events {
    std::function<void(worker::FileJobDone)> on_job_done;
    std::function<void(worker::CacheQueryId id, worker::CacheLook look)> on_look;
    std::function<void(worker::CacheQueryId id, worker::CacheRead read)> on_read;
  };

  WorkerDisk(Scene& scene, Events events) : scene_(scene), events_(std::move(events)) {}
  ~WorkerDisk();

  /// Starts a job, or queues it: only a few run at a time.
  void start(worker::FileJob job);

  void set_folder(const std::string& folder, const std::string& filter) override;
  void set_denylist(std::shared_ptr<const DenyTable>) override {}  ///< There are no lists here.
  [[nodiscard]] When look_up(const RequestKey& key, std::span<const RequestKey> next,
                             worker::CacheQueryId id, worker::CacheLook& out) override;
  [[nodiscard]] When read(const worker::FileRef& file, uint64_t offset, size_t size,
                          worker::CacheQueryId id, worker::CacheRead& out) override;
  [[nodiscard]] When index_of(const worker::CachedFile& file, worker::CacheQueryId id,
                              worker::CacheRead& out) override;

  [[nodiscard]] bool is_idle() const { return runs_.empty() && reads_.empty(); }

 private:
  struct Run {
    Run(Scene& scene, worker::FileJob ordered) : job(std::move(ordered)), task(scene) {}
    worker::FileJob job;
    worker::FileJobDone done;
    DiskTask task;
    std::string text = {};  ///< The bytes to be written.
    Disk::InodeRef inode = {};
  };

  void start_next();
  void begin(Run& run);
  void write(Run& run, size_t from, size_t to);
  void end(Run& run);
  [[nodiscard]] worker::CacheLook look(const std::string& path);
  [[nodiscard]] worker::CacheRead read_part(const Disk::Inode& inode, uint64_t offset, size_t size);
  [[nodiscard]] worker::CacheRead read_index(const Disk::Inode& inode, const CacheFooter& footer);
  /// Does `work` later, then `done`.
  void later(worker::CacheQueryId id, std::function<void()> work, std::function<void()> done);

  Scene& scene_;
  Events events_;
  std::string folder_;
  std::shared_ptr<SharedFilter> filter_;  ///< Null: there is none.
  std::deque<worker::FileJob> waiting_;
  std::list<Run> runs_;
  std::map<worker::CacheQueryId, DiskTask> reads_;
};

}  // namespace daphnis::sim
