#pragma once

#include <functional>

#include "common/uv/handle.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "l2/disk/store.h"

namespace daphnis::l2 {

/// Keeps a store up to date: scans it in the thread pool when the folder reports a change
/// (inotify), while a scan says that there is more to do, and every kStoreRescanMs for file systems
/// that report nothing. Owned by `serve`; the store must outlive the scan under way, which the loop
/// waits for.
class StoreWatch {
 public:
  struct Events {
    /// The roots that the store holds have changed. `is_complete`: there is nothing else in it.
    std::function<void(const Holdings&, bool is_complete)> on_holdings;
    /// The whole folder has been scanned for the first time. Called once.
    std::function<void()> on_caught_up;
  };

  StoreWatch(uv::Loop& loop, uv::Log& log, Store& store, const std::string& folder, Events events);
  ~StoreWatch();
  StoreWatch(const StoreWatch&) = delete;
  StoreWatch& operator=(const StoreWatch&) = delete;

 private:
  struct Job;

  void look_in(uint64_t delay_ms);
  void scan();
  void on_report(Store::ScanReport report);

  uv::Loop& loop_;
  uv::Log& log_;
  Store& store_;
  Events events_;
  uv::Timer next_;
  uint64_t planned_ms_ = 0;  ///< When `next_` fires.
  uv::UvPtr<uv_fs_event_t> changes_;
  Job* job_ = nullptr;
  bool has_changed_ = false;  ///< The folder has changed while a scan was under way.
  bool is_caught_up_ = false;
};

}  // namespace daphnis::l2
