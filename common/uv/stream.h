#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/uv/byte_stream.h"
#include "common/uv/fd.h"
#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace daphnis::uv {

/// A TCP or Unix stream connection on libuv (an L2's registration, admin, an L2's own connections).
class Stream final : public ByteStream {
 public:
  /// Takes an opened TCP handle.
  Stream(UvPtr<uv_tcp_t> tcp, Events events);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void start() override;
  void stop() override;
  [[nodiscard]] size_t try_write(std::string_view bytes) override;
  void write(std::string bytes) override;
  void write(Slices slices) override;
  [[nodiscard]] size_t unsent_bytes() const override;
  void shutdown() override;
  [[nodiscard]] int fd() const override;

  /// Gives the handle away for a hand-off; reading stops, and this object must not be used
  /// afterwards. Allowed only where nothing is unsent.
  [[nodiscard]] UvPtr<uv_tcp_t> release();

 private:
  struct Shared;
  struct Write;

  static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* out) noexcept;
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) noexcept;
  void submit(Write* write);

  UvPtr<uv_tcp_t> tcp_;
  std::shared_ptr<Shared> shared_;
};

/// The descriptor of an open handle.
[[nodiscard]] int fd_of(const uv_tcp_t& tcp);
/// A handle for a connected socket.
[[nodiscard]] UvPtr<uv_tcp_t> tcp_of(Loop& loop, UniqueFd fd);

/// Accepts TCP connections. Owned by the process's shell.
class TcpListener {
 public:
  /// `on_connection` gets an accepted handle. Errors: kInvalid, kSystem.
  [[nodiscard]] static Result<std::unique_ptr<TcpListener>> create(
      Loop& loop, const Address& address, std::function<void(UvPtr<uv_tcp_t>)> on_connection);

  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  TcpListener() = default;

  UvPtr<uv_tcp_t> handle_;
  std::function<void(UvPtr<uv_tcp_t>)> on_connection_;
  uint16_t port_ = 0;
};

/// Accepts workers on a Unix socket of mode 0600, guarded by a lock on "PATH.lock", so that a
/// second broker is refused and a dead broker's socket is replaced. Its destruction removes the
/// socket.
class IpcListener {
 public:
  /// `on_connection` gets an accepted ipc pipe. Errors: kInvalid (path longer than 107 bytes, or
  /// the lock is held), kSystem.
  [[nodiscard]] static Result<std::unique_ptr<IpcListener>> create(
      Loop& loop, const std::string& path, std::function<void(UvPtr<uv_pipe_t>)> on_connection);

 private:
  IpcListener() = default;

  UniqueFd lock_;
  UvPtr<uv_pipe_t> handle_;
  std::function<void(UvPtr<uv_pipe_t>)> on_connection_;
};

/// Connects over TCP to a literal address. `on_done` gets the handle or the error, once, in a later
/// turn. Destroying the object cancels the connection without a call.
class TcpConnector {
 public:
  TcpConnector(Loop& loop, const Address& address,
               std::function<void(Result<UvPtr<uv_tcp_t>>)> on_done);
  ~TcpConnector();

 private:
  struct Attempt;
  Attempt* attempt_;  ///< Freed by its callback, which a closed handle also gets.
};

/// Connects an ipc pipe to the Unix socket at `path`; otherwise like TcpConnector.
class IpcConnector {
 public:
  IpcConnector(Loop& loop, const std::string& path,
               std::function<void(Result<UvPtr<uv_pipe_t>>)> on_done);
  ~IpcConnector();

 private:
  struct Attempt;
  Attempt* attempt_;
};

}  // namespace daphnis::uv
