#include "l2/uv/store_watch.h"

#include "common/base/check.h"

namespace daphnis::l2 {

struct StoreWatch::Job {
  uv_work_t request{};
  Store* store = nullptr;
  Store::ScanReport report;
  StoreWatch* owner = nullptr;  ///< Null once the watch is gone.
};

StoreWatch::StoreWatch(uv::Loop& loop, uv::Log& log, Store& store, const std::string& folder,
                       Events events)
    : loop_(loop), log_(log), store_(store), events_(std::move(events)), next_(loop, [this] {
        scan();
      }) {
  auto* raw = new uv_fs_event_t{};
  check(uv_fs_event_init(loop.raw(), raw) == 0, "an fs event handle cannot be made");
  raw->data = this;
  changes_.reset(raw);
  const int error = uv_fs_event_start(
      raw,
      [](uv_fs_event_t* handle, const char*, int, int) noexcept {
        static_cast<StoreWatch*>(handle->data)->look_in(limits::kStoreQuietMs);
      },
      folder.c_str(), 0);
  if (error != 0) {
    LogLine line("store_not_watched");
    line.add("error", uv_strerror(error)).add("rescan_ms", limits::kStoreRescanMs);
    log_.warn(line);
  }
  scan();
}

StoreWatch::~StoreWatch() {
  if (job_) job_->owner = nullptr;
}

void StoreWatch::look_in(uint64_t delay_ms) {
  if (job_) {
    has_changed_ = true;
    return;
  }
  // A scan is never put off, so that a folder in constant change is scanned too.
  if (next_.is_active() && loop_.now_ms() + delay_ms >= planned_ms_) return;
  planned_ms_ = loop_.now_ms() + delay_ms;
  next_.start(delay_ms);
}

void StoreWatch::scan() {
  job_ = new Job{};
  job_->request.data = job_;
  job_->store = &store_;
  job_->owner = this;
  has_changed_ = false;
  const int error = uv_queue_work(
      loop_.raw(), &job_->request,
      [](uv_work_t* request) noexcept {
        auto* job = static_cast<Job*>(request->data);
        job->report = job->store->scan();
      },
      [](uv_work_t* request, int) noexcept {
        const std::unique_ptr<Job> job(static_cast<Job*>(request->data));
        if (!job->owner) return;
        job->owner->job_ = nullptr;
        job->owner->on_report(std::move(job->report));
      });
  check(error == 0, "uv_queue_work refused its arguments");
}

void StoreWatch::on_report(Store::ScanReport report) {
  for (const auto& [level, line] : report.notes) log_.write(level, line);
  if (report.holdings) {
    const Store::Totals totals = store_.totals();
    LogLine line("store");
    line.add("files", totals.files).add("blocks", totals.blocks);
    log_.info(line.add("roots", report.holdings->size()));
  }
  const bool is_soon = has_changed_ || report.is_being_written;
  look_in(report.has_more ? 0 : is_soon ? limits::kStoreQuietMs : limits::kStoreRescanMs);
  if (report.holdings) events_.on_holdings(report.holdings, report.is_complete);
  if (!is_caught_up_ && !report.has_more) {
    is_caught_up_ = true;
    events_.on_caught_up();
  }
}

}  // namespace daphnis::l2
