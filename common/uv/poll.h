#pragma once

#include <uv.h>

#include <functional>

#include "common/uv/fd.h"
#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace daphnis::uv {

/// Watches a socket that is read and written directly (clients, handed-off L2s). Owns the
/// descriptor; owned by the connection; may be destroyed inside its callback. Level-triggered: ask
/// only for what can be used now.
class Poll {
 public:
  /// `on_ready` gets UV_READABLE / UV_WRITABLE bits; on an error on the socket both that were asked
  /// for are set, so that the next read or write meets it.
  Poll(Loop& loop, UniqueFd fd, std::function<void(int events)> on_ready);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// Sets what is waited for: a union of UV_READABLE and UV_WRITABLE, or 0 for nothing.
  void want(int events);
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Stops watching and gives the descriptor away; this object is dead.
  [[nodiscard]] UniqueFd release();

 private:
  std::function<void(int)> on_ready_;
  UniqueFd fd_;
  UvPtr<uv_poll_t> handle_;  ///< Closed before the descriptor, since it is declared after it.
  int wanted_ = 0;
};

}  // namespace daphnis::uv
