#include "common/uv/poll.h"

#include <utility>

#include "common/base/check.h"

namespace daphnis::uv {

Poll::Poll(Loop& loop, UniqueFd fd, std::function<void(int)> on_ready)
    : on_ready_(std::move(on_ready)), fd_(std::move(fd)) {
  auto* raw = new uv_poll_t{};
  check(uv_poll_init(loop.raw(), raw, fd_.get()) == 0, "a descriptor cannot be polled");
  raw->data = this;
  handle_.reset(raw);
}

Poll::~Poll() = default;

void Poll::want(int events) {
  if (events == wanted_) return;
  wanted_ = events;
  if (events == 0) {
    uv_poll_stop(handle_.get());
    return;
  }
  uv_poll_start(handle_.get(), events, [](uv_poll_t* handle, int status, int ready) noexcept {
    auto* self = static_cast<Poll*>(handle->data);
    // An error (a reset, say) makes libuv stop the handle. Bytes that came before it may still be
    // readable, so the owner gets all the events it waits for, and has to call want() again.
    if (status < 0) ready = std::exchange(self->wanted_, 0);
    self->on_ready_(ready);
  });
}

UniqueFd Poll::release() {
  handle_.reset();
  return std::move(fd_);
}

}  // namespace daphnis::uv
