#pragma once

#include <uv.h>

#include <functional>

#include "common/uv/fd.h"
#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace daphnis::uv {

/// Watches a socket that is read and written directly (clients, handed-off L2s). Owns the
/// descriptor; owned by the connection; may be destroyed inside its callback. Level-triggered: wait
/// only for events that can be acted on now.
class Poll {
 public:
  /// `on_ready` gets the bits of the events. On an error of the socket it gets all the bits that
  /// were waited for, so that the next read or write returns the error.
  Poll(Loop& loop, UniqueFd fd, std::function<void(int events)> on_ready);
  ~Poll();
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// Sets the events that are waited for: a union of UV_READABLE, UV_WRITABLE and UV_DISCONNECT
  /// (the peer has ended its side), or 0 for none.
  void want(int events);
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Stops watching and gives the descriptor away; this object must not be used afterwards.
  [[nodiscard]] UniqueFd release();

 private:
  std::function<void(int)> on_ready_;
  UniqueFd fd_;
  UvPtr<uv_poll_t> handle_;  ///< Closed before the descriptor, since it is declared after it.
  int wanted_ = 0;
};

}  // namespace daphnis::uv
