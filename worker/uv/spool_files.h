#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "common/uv/loop.h"
#include "worker/base/file_jobs.h"

namespace daphnis::worker::uv {

/// Does FileJobs in libuv's thread pool, a few at a time, so that a slow disk leaves threads to
/// others. Those that may wait are gathered for a moment: waking a thread, and being woken by it,
/// costs more than a small file. Owned by the Shell. Its end waits for what is being written: the
/// data must outlive the writing.
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
  Jobs gathered_;  ///< At most kSpoolGatherJobs.
  daphnis::uv::Timer gather_timer_;
  std::deque<Jobs> waiting_;  ///< Each to be done by one thread.
  std::list<std::shared_ptr<Run>> runs_;
  size_t running_ = 0;
};

}  // namespace daphnis::worker::uv
