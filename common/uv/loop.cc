#include "common/uv/loop.h"

#include <cstdio>
#include <utility>

#include "common/base/check.h"

namespace daphnis::uv {

Loop::Loop() {
  check(uv_loop_init(&loop_) == 0, "the event loop cannot be made");
}

Loop::~Loop() {
  // Handles whose owners are gone are closing; a few turns are enough for their callbacks. With
  // UV_RUN_DEFAULT a handle that is still open and active would make this wait for ever.
  constexpr int kTurnsMax = 100;
  int turns = 0;
  // Work in the thread pool cannot be cancelled; a dead disk must not delay the exit for ever.
  constexpr uint64_t kPoolWaitNs = 5'000'000'000;
  const uint64_t begun_ns = uv_hrtime();
  while (uv_loop_close(&loop_) == UV_EBUSY && turns < kTurnsMax) {
    uv_run(&loop_, UV_RUN_NOWAIT);
    const bool is_at_work = loop_.active_reqs.count > 0 && uv_hrtime() - begun_ns < kPoolWaitNs;
    if (is_at_work) uv_sleep(1);
    turns += is_at_work ? 0 : 1;
  }
  if (turns < kTurnsMax) return;
  uv_print_all_handles(&loop_, stderr);
  abort_on_bug("handles outlived their loop");
}

void Loop::run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
}

bool Loop::run_once(uv_run_mode mode) {
  return uv_run(&loop_, mode) != 0;
}

Timer::Timer(Loop& loop, std::function<void()> on_fire) : on_fire_(std::move(on_fire)) {
  auto* handle = new uv_timer_t{};
  uv_timer_init(loop.raw(), handle);
  handle->data = this;
  handle_.reset(handle);
}

void Timer::start(uint64_t delay_ms, uint64_t repeat_ms) {
  uv_timer_start(
      handle_.get(),
      [](uv_timer_t* handle) noexcept {
        // The function is copied, since the callback may destroy this Timer.
        auto on_fire = static_cast<Timer*>(handle->data)->on_fire_;
        on_fire();
      },
      delay_ms, repeat_ms);
}

void Timer::stop() {
  uv_timer_stop(handle_.get());
}

bool Timer::is_active() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(handle_.get())) != 0;
}

Signal::Signal(Loop& loop, int signum, std::function<void()> on_signal)
    : on_signal_(std::move(on_signal)) {
  auto* handle = new uv_signal_t{};
  check(uv_signal_init(loop.raw(), handle) == 0, "a signal handle cannot be made");
  handle->data = this;
  handle_.reset(handle);
  uv_signal_start(
      handle,
      [](uv_signal_t* fired, int) noexcept { static_cast<Signal*>(fired->data)->on_signal_(); },
      signum);
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
}

AfterNextPoll::AfterNextPoll(Loop& loop, std::function<void(size_t)> on_polled)
    : on_polled_(std::move(on_polled)) {
  busy_.reset(new uv_idle_t{});
  before_.reset(new uv_prepare_t{});
  behind_.reset(new uv_check_t{});
  uv_idle_init(loop.raw(), busy_.get());
  uv_prepare_init(loop.raw(), before_.get());
  uv_check_init(loop.raw(), behind_.get());
  busy_->data = before_->data = behind_->data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(busy_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(before_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(behind_.get()));
}

void AfterNextPoll::start() {
  ++fresh_;
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(behind_.get()))) return;
  uv_idle_start(busy_.get(), [](uv_idle_t*) noexcept {});
  // A poll that is under way at start() is not the next one.
  uv_prepare_start(before_.get(), [](uv_prepare_t* fired) noexcept {
    auto* self = static_cast<AfterNextPoll*>(fired->data);
    self->polling_for_ = std::exchange(self->fresh_, 0);
  });
  uv_check_start(behind_.get(), [](uv_check_t* fired) noexcept {
    auto* self = static_cast<AfterNextPoll*>(fired->data);
    const size_t starts = std::exchange(self->polling_for_, 0);
    if (starts == 0) return;
    if (self->fresh_ == 0) self->stop();
    self->on_polled_(starts);
  });
}

void AfterNextPoll::stop() {
  fresh_ = polling_for_ = 0;
  uv_idle_stop(busy_.get());
  uv_prepare_stop(before_.get());
  uv_check_stop(behind_.get());
}

EachTurn::EachTurn(Loop& loop, std::function<void()> on_turn) : on_turn_(std::move(on_turn)) {
  auto* handle = new uv_prepare_t{};
  uv_prepare_init(loop.raw(), handle);
  handle->data = this;
  handle_.reset(handle);
  uv_prepare_start(handle, [](uv_prepare_t* fired) noexcept {
    static_cast<EachTurn*>(fired->data)->on_turn_();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
}

}  // namespace daphnis::uv
