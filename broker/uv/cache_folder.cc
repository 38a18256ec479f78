#include "broker/uv/cache_folder.h"

#include <utility>

#include "broker/uv/folder_orders.h"
#include "common/core/check.h"

namespace daphnis::broker {

CacheFolder::CacheFolder(uv::Loop& loop, Settings settings, OnEvent on_event)
    : loop_(loop),
      settings_(std::move(settings)),
      paths_{.dir = settings_.dir, .spool_dir = settings_.spool_dir},
      on_event_(std::move(on_event)),
      lock_(std::make_shared<FolderLock>(paths_.lock())),
      order_task_(loop) {}

CacheFolder::~CacheFolder() = default;

Result<void> CacheFolder::open() {
  if (auto made = paths_.make_spool_dir(); !made) return made;
  if (paths_.dir.empty()) return {};
  if (auto made = paths_.make_cache_tree(); !made) return made;
  return lock_->take();
}

void CacheFolder::start_scan() {}
void CacheFolder::save_snapshot(EntrySource) {}
Result<void> CacheFolder::write_snapshot(const EntrySource&) {
  return {};
}

void CacheFolder::order(FolderOrder order) {
  check(orders_.size() < limits::kFolderOrdersMax, "too many orders for the cache folder");
  orders_.push_back(std::move(order));
  run_order();
}

void CacheFolder::run_order() {
  if (order_task_.is_busy()) return;
  if (!work_) {
    if (orders_.empty()) return;
    work_ = std::make_shared<FolderWork>(std::move(orders_.front()), paths_);
    orders_.pop_front();
  }
  auto is_done = std::make_shared<bool>(false);
  order_task_.start([work = work_, is_done] { *is_done = work->step(); },
                    [this, is_done] { on_order_step(*is_done); });
}

void CacheFolder::on_order_step(bool is_done) {
  if (is_done) {
    const auto work = std::exchange(work_, nullptr);
    if (!work->trouble().empty()) set_down(work->trouble());
    if (work->event()) on_event_(std::move(*work->event()));
  }
  run_order();
}

void CacheFolder::set_down(const std::string& why) {
  if (!std::exchange(is_up_, false)) return;
  on_event_(FolderHealth{.is_up = false, .why = why});
}

}  // namespace daphnis::broker
