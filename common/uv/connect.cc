#include <arpa/inet.h>

#include "common/uv/stream.h"

namespace daphnis::uv {
namespace {

template <class Handle>
using OnDone = std::function<void(Result<UvPtr<Handle>>)>;

}  // namespace

/// Lives until its callback has run; `owner` is null once the connector is gone.
struct TcpConnector::Attempt {
  uv_connect_t request{};
  UvPtr<uv_tcp_t> handle;
  OnDone<uv_tcp_t> on_done;
  TcpConnector* owner = nullptr;
  std::string to;
  int error = 0;  ///< From uv_tcp_connect() itself, which then calls no callback.
};

struct IpcConnector::Attempt {
  uv_connect_t request{};
  UvPtr<uv_pipe_t> handle;
  OnDone<uv_pipe_t> on_done;
  IpcConnector* owner = nullptr;
  std::string to;
};

namespace {

/// Ends an attempt of either kind: reports the result to the owner, if it is still there, and frees
/// the attempt.
template <class Attempt>
void finish(Attempt* attempt, int status) noexcept {
  std::unique_ptr<Attempt> done(attempt);
  if (!done->owner) return;
  const auto on_done = std::move(done->on_done);
  if (status == 0) {
    on_done(std::move(done->handle));
  } else {
    on_done(fail_sys(-status, "cannot connect to " + done->to));
  }
}

}  // namespace

TcpConnector::TcpConnector(Loop& loop, const Address& address, OnDone<uv_tcp_t> on_done)
    : attempt_(new Attempt{}) {
  attempt_->request.data = attempt_;
  attempt_->to = address.text();
  attempt_->owner = this;
  attempt_->on_done = [this, on_done = std::move(on_done)](auto result) {
    attempt_ = nullptr;
    const auto call = on_done;  // The callback may destroy this connector.
    call(std::move(result));
  };
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), raw);
  attempt_->handle.reset(raw);
  sockaddr_storage to{};
  const bool is_v6 = address.host.find(':') != std::string::npos;
  if (is_v6) {
    uv_ip6_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in6*>(&to));
  } else {
    uv_ip4_addr(address.host.c_str(), address.port, reinterpret_cast<sockaddr_in*>(&to));
  }
  const int error = uv_tcp_connect(&attempt_->request, raw, reinterpret_cast<const sockaddr*>(&to),
                                   [](uv_connect_t* request, int status) noexcept {
                                     finish(static_cast<Attempt*>(request->data), status);
                                   });
  // libuv reports almost every error through the callback. The others (no socket could be made) are
  // reported here in a later turn too.
  if (error != 0) {
    auto* later = new uv_timer_t{};
    uv_timer_init(loop.raw(), later);
    attempt_->error = error;
    later->data = attempt_;
    uv_timer_start(
        later,
        [](uv_timer_t* timer) noexcept {
          auto* failed = static_cast<Attempt*>(timer->data);
          UvPtr<uv_timer_t> closing(timer);
          finish(failed, failed->error);
        },
        0, 0);
  }
}

TcpConnector::~TcpConnector() {
  if (!attempt_) return;
  attempt_->owner = nullptr;
  if (attempt_->error == 0) attempt_->handle.reset();  // The callback comes with UV_ECANCELED.
}

IpcConnector::IpcConnector(Loop& loop, const std::string& path, OnDone<uv_pipe_t> on_done)
    : attempt_(new Attempt{}) {
  attempt_->request.data = attempt_;
  attempt_->to = path;
  attempt_->owner = this;
  attempt_->on_done = [this, on_done = std::move(on_done)](auto result) {
    attempt_ = nullptr;
    const auto call = on_done;
    call(std::move(result));
  };
  auto* raw = new uv_pipe_t{};
  uv_pipe_init(loop.raw(), raw, 1);
  attempt_->handle.reset(raw);
  uv_pipe_connect(&attempt_->request, raw, path.c_str(),
                  [](uv_connect_t* request, int status) noexcept {
                    finish(static_cast<Attempt*>(request->data), status);
                  });
}

IpcConnector::~IpcConnector() {
  if (!attempt_) return;
  attempt_->owner = nullptr;
  attempt_->handle.reset();
}

}  // namespace daphnis::uv
