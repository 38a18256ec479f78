#include "common/uv/pool_task.h"

#include <memory>
#include <utility>

#include "common/base/check.h"

namespace daphnis::uv {

/// The work of one start(). Freed when it is done, even if its PoolTask is gone by then.
struct PoolTask::Run {
  uv_work_t request{};
  std::function<void()> work;
  std::function<void()> done;
  PoolTask* owner;  ///< Null once the PoolTask is gone.
};

PoolTask::~PoolTask() {
  if (!run_) return;
  run_->owner = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&run_->request));  // Fails where the work has begun.
}

void PoolTask::start(std::function<void()> work, std::function<void()> done) {
  check(!is_busy(), "a PoolTask does one thing at a time");
  run_ = new Run{.request = {}, .work = std::move(work), .done = std::move(done), .owner = this};
  run_->request.data = run_;
  started_ms_ = loop_.now_ms();
  const int error = uv_queue_work(
      loop_.raw(), &run_->request,
      [](uv_work_t* request) noexcept { static_cast<Run*>(request->data)->work(); },
      [](uv_work_t* request, int) noexcept {
        const std::unique_ptr<Run> ended(static_cast<Run*>(request->data));
        if (!ended->owner) return;
        ended->owner->run_ = nullptr;
        ended->done();
      });
  check(error == 0, "uv_queue_work refused its arguments");
}

}  // namespace daphnis::uv
