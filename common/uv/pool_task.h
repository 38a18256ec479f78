#pragma once

#include <functional>

#include "common/uv/loop.h"

namespace daphnis::uv {

/// Runs one piece of blocking work at a time in libuv's thread pool. Owned by the object that wants
/// the result. After its destruction the work under way still runs to its end, but `done` is not
/// called; so the work must own, or share, everything it touches.
class PoolTask {
 public:
  explicit PoolTask(Loop& loop) : loop_(loop) {}
  ~PoolTask();
  PoolTask(const PoolTask&) = delete;
  PoolTask& operator=(const PoolTask&) = delete;

  /// Runs `work` in another thread, then `done` on the loop; `done` may start the next one. Only
  /// while !is_busy().
  void start(std::function<void()> work, std::function<void()> done);
  [[nodiscard]] bool is_busy() const { return run_ != nullptr; }
  /// When the work under way began. Valid while is_busy().
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }

 private:
  struct Run;

  Loop& loop_;
  Run* run_ = nullptr;  ///< The work under way; frees itself.
  uint64_t started_ms_ = 0;
};

}  // namespace daphnis::uv
