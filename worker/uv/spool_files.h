#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "common/uv/loop.h"
#include "worker/base/file_jobs.h"

namespace daphnis::worker::uv {

/// Does FileJobs in libuv's thread pool, at most kSpoolJobsAtOnce threads at once, so that a slow
/// disk leaves threads to others. Jobs that may wait are gathered for kSpoolGatherMs, since waking
/// a thread, and being woken by it, costs more than a small file. Owned by the Shell. The
/// destructor waits for writes under way, whose data must outlive them.
class SpoolFiles {
 public:
  using Done = std::function<void(FileJobDone)>;

  /// `done` is called on the loop, once for each job.
  SpoolFiles(daphnis::uv::Loop& loop, Done done);
  ~SpoolFiles();
  SpoolFiles(const SpoolFiles&) = delete;
  SpoolFiles& operator=(const SpoolFiles&) = delete;

  void start(FileJob job);
  [[nodiscard]] bool is_idle() const { return running_ == 0 && gathered_.empty(); }

 private:
  using Jobs = std::vector<FileJob>;
  struct Run;

  void start(Jobs jobs);
  void start_gathered();
  void start_next();
  void on_run_done(Run& run);

  daphnis::uv::Loop& loop_;
  Done done_;
  Jobs gathered_;  ///< Gathered jobs, at most kSpoolGatherJobs.
  daphnis::uv::Timer gather_timer_;
  std::deque<Jobs> waiting_;  ///< Lists of jobs that wait for a thread, each to be done by one.
  std::list<std::shared_ptr<Run>> runs_;
  size_t running_ = 0;
};

}  // namespace daphnis::worker::uv
