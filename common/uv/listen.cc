#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/uv/owned_path.h"
#include "common/uv/stream.h"

namespace daphnis::uv {
namespace {

constexpr int kBacklog = 1024;
constexpr size_t kUnixPathBytesMax = 107;

}  // namespace

Result<std::unique_ptr<TcpListener>> TcpListener::create(
    Loop& loop, const Address& address, std::function<void(UvPtr<uv_tcp_t>)> on_connection) {
  auto fd = listen_tcp(address, PortSharing::kExclusive, kBacklog);
  if (!fd) return std::unexpected(fd.error());
  std::unique_ptr<TcpListener> self(new TcpListener);
  self->on_connection_ = std::move(on_connection);
  self->port_ = bound_port(fd->get());
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), raw);
  self->handle_.reset(raw);
  raw->data = self.get();
  int error = uv_tcp_open(raw, fd->get());
  if (error == 0) {
    static_cast<void>(fd->release());
    error = uv_listen(reinterpret_cast<uv_stream_t*>(raw), kBacklog,
                      [](uv_stream_t* server, int status) noexcept {
                        if (status < 0) return;
                        auto* accepted = new uv_tcp_t{};
                        uv_tcp_init(server->loop, accepted);
                        UvPtr<uv_tcp_t> handle(accepted);
                        if (uv_accept(server, reinterpret_cast<uv_stream_t*>(accepted)) != 0)
                          return;
                        static_cast<TcpListener*>(server->data)->on_connection_(std::move(handle));
                      });
  }
  if (error != 0) return fail_sys(-error, "cannot listen on " + address.text());
  return self;
}

Result<std::unique_ptr<IpcListener>> IpcListener::create(
    Loop& loop, const std::string& path, std::function<void(UvPtr<uv_pipe_t>)> on_connection) {
  if (path.size() > kUnixPathBytesMax) {
    return fail(Errc::kInvalid, "the socket path has " + std::to_string(path.size()) +
                                    " bytes, Unix sockets allow 107; choose a shorter folder");
  }
  std::unique_ptr<IpcListener> self(new IpcListener);
  const std::string lock_path = path + ".lock";
  auto lock = open_owned_file(lock_path, O_RDWR | O_CREAT, 0600);
  if (!lock) return std::unexpected(lock.error());
  self->lock_ = std::move(*lock);
  if (::flock(self->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::kInvalid,
                "another broker serves " + path + "; stop it or choose another --socket");
  }
  // Removes the socket of a dead broker. libuv unlinks the path when the handle closes; the lock's
  // file stays, since removing it would let two brokers lock two files of one name.
  if (auto cleared = remove_dead_socket(path); !cleared) return std::unexpected(cleared.error());
  self->on_connection_ = std::move(on_connection);
  auto* raw = new uv_pipe_t{};
  uv_pipe_init(loop.raw(), raw, 0);
  self->handle_.reset(raw);
  raw->data = self.get();
  const mode_t before = ::umask(0177);
  int error = uv_pipe_bind(raw, path.c_str());
  ::umask(before);
  if (error == 0) {
    error = uv_listen(reinterpret_cast<uv_stream_t*>(raw), kBacklog,
                      [](uv_stream_t* server, int status) noexcept {
                        if (status < 0) return;
                        auto* accepted = new uv_pipe_t{};
                        uv_pipe_init(server->loop, accepted, 1);
                        UvPtr<uv_pipe_t> handle(accepted);
                        if (uv_accept(server, reinterpret_cast<uv_stream_t*>(accepted)) != 0)
                          return;
                        static_cast<IpcListener*>(server->data)->on_connection_(std::move(handle));
                      });
  }
  if (error != 0) return fail_sys(-error, "cannot listen on " + path);
  return self;
}

}  // namespace daphnis::uv
