#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>

#include "common/uv/handle.h"

namespace daphnis::uv {

/// The process's event loop. Owned by main and by tests; every owner of handles must be destroyed
/// before it. Its destructor lets pending closes finish and then aborts, naming the handles, if any
/// is still open: a leaked handle is a bug.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop() or until no active handle or request is left.
  void run();
  /// Runs one turn, which waits for at least one event unless `UV_RUN_NOWAIT` is given. False: no
  /// active handle or request is left.
  bool run_once(uv_run_mode mode = UV_RUN_ONCE);
  void stop() { uv_stop(&loop_); }

  /// Milliseconds of the monotonic clock, fixed during one turn.
  [[nodiscard]] uint64_t now_ms() const { return uv_now(&loop_); }
  [[nodiscard]] uv_loop_t* raw() { return &loop_; }

 private:
  uv_loop_t loop_;
};

/// A timer with its callback. Owned by the object that waits. Its destruction cancels it and is
/// allowed inside the callback.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_fire);

  /// Fires after `delay_ms`, then every `repeat_ms` where that is not 0. A second start() replaces
  /// the first.
  void start(uint64_t delay_ms, uint64_t repeat_ms = 0);
  void stop();
  [[nodiscard]] bool is_active() const;

 private:
  std::function<void()> on_fire_;
  UvPtr<uv_timer_t> handle_;
};

/// A POSIX signal turned into a callback on the loop.
class Signal {
 public:
  Signal(Loop& loop, int signum, std::function<void()> on_signal);

 private:
  std::function<void()> on_signal_;
  UvPtr<uv_signal_t> handle_;
};

/// Calls back once the loop has polled anew, without waiting: behind all input that was there when
/// start() was called. Does not keep the loop running.
class AfterNextPoll {
 public:
  /// `on_polled` gets the number of the start() calls that came before the poll began, beside those
  /// that it got before: their wait is over. Later ones wait for the poll after.
  AfterNextPoll(Loop& loop, std::function<void(size_t starts)> on_polled);

  /// Begins to wait for the next poll, beside what waits already.
  void start();
  /// Waits no more, for whatever start() was called.
  void stop();

 private:
  std::function<void(size_t)> on_polled_;
  size_t fresh_ = 0;        ///< Calls of start() since the last poll began.
  size_t polling_for_ = 0;  ///< Those before, which wait for the poll that has begun.
  UvPtr<uv_idle_t> busy_;   ///< Active while it waits, so that the poll returns at once.
  UvPtr<uv_prepare_t> before_;
  UvPtr<uv_check_t> behind_;
};

/// Runs `on_turn` at the end of every loop turn, just before the loop waits. Does not keep the loop
/// running.
class EachTurn {
 public:
  EachTurn(Loop& loop, std::function<void()> on_turn);

 private:
  std::function<void()> on_turn_;
  UvPtr<uv_prepare_t> handle_;
};

}  // namespace daphnis::uv
