#pragma once

#include <uv.h>

#include <memory>

namespace daphnis::uv {

/// Closes a libuv handle and frees its memory in the close callback, the only place where libuv
/// allows it. The C++ owner may be destroyed at once; the handle is freed a loop turn later.
/// Callbacks that run after uv_close (write, connect, shutdown) must not touch handle->data: they
/// use req->data.
struct Closer {
  template <class Handle>
  void operator()(Handle* handle) const noexcept {
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) noexcept { delete reinterpret_cast<Handle*>(closed); });
  }
};

/// Owns an initialised handle. Build with `new Handle{}`, call uv_*_init, and only then put it
/// here: an uninitialised handle must never reach uv_close.
template <class Handle>
using UvPtr = std::unique_ptr<Handle, Closer>;

}  // namespace daphnis::uv
