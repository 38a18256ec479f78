#include "worker/uv/socket.h"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "worker/driver/socket_driver.h"

namespace daphnis::worker::uv {
namespace {

/// A connection that writes as much as it can, until it is told to close.
class Chatterer final : public Connection {
 public:
  explicit Chatterer(Agenda& agenda) : Connection(ConnectionId{1}, agenda) {}

  void on_bytes(const Slice&, uint64_t) override {}
  void on_eof(uint64_t) override {}
  void on_lost(uint64_t) override { ending_ = Ending::kReset; }
  void on_time(uint64_t) override {}
  void on_written(size_t size, uint64_t) override { written += size; }
  [[nodiscard]] size_t output(std::span<Bytes> views) override {
    if (!talks) return 0;
    views[0] = as_bytes(text_);
    return 1;
  }
  [[nodiscard]] bool wants_input() const override { return false; }
  [[nodiscard]] bool keeps_input() const override { return false; }
  [[nodiscard]] Ending ending() const override { return ending_; }
  void close() { ending_ = Ending::kClose; }

  bool talks = true;
  size_t written = 0;

 private:
  std::string text_ = std::string(64 * 1024, 'x');
  Ending ending_ = Ending::kOpen;
};

struct Owner final : SocketOwner {
  void on_used(SocketDriver&, uint64_t) override {}
};

/// A socket that writes what the chatterer has, and whose peer takes nothing.
struct Scene {
  Scene() { REQUIRE(peer); }

  static std::array<int, 2> socket_pair() {
    std::array<int, 2> ends{-1, -1};
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data());
    return ends;
  }

  daphnis::uv::Loop loop;
  BufferPool pool;
  PooledReadBuffers buffers{pool};
  Agenda agenda;
  Chatterer connection{agenda};
  const std::array<int, 2> ends = socket_pair();
  const daphnis::uv::UniqueFd peer{ends[1]};
  Owner owner;
  SocketDriver socket{std::make_unique<Socket>(loop, daphnis::uv::UniqueFd(ends[0])), connection,
                      buffers, owner};
};

/// The sockets that the loop watches, or has watched.
size_t watched(daphnis::uv::Loop& loop) {
  size_t count = 0;
  uv_walk(
      loop.raw(),
      [](uv_handle_t* handle, void* sum) {
        *static_cast<size_t*>(sum) += handle->type == UV_POLL ? 1 : 0;
      },
      &count);
  return count;
}

}  // namespace

TEST_CASE("a socket is watched from the first time that it is waited for") {
  Scene scene;
  Chatterer& connection = scene.connection;
  SocketDriver& socket = scene.socket;
  connection.talks = false;
  CHECK(socket.sync(0) == SocketDriver::Fate::kStays);
  CHECK(watched(scene.loop) == 0);
  connection.talks = true;  // More than its peer takes.
  CHECK(socket.sync(0) == SocketDriver::Fate::kStays);
  CHECK(watched(scene.loop) == 1);
}

TEST_CASE("a socket whose peer takes nothing is closed when nothing is left to be written") {
  Scene scene;
  Chatterer& connection = scene.connection;
  SocketDriver& socket = scene.socket;
  CHECK(socket.sync(0) == SocketDriver::Fate::kStays);
  const size_t taken = connection.written;
  CHECK(taken > 0);
  connection.close();
  CHECK(socket.sync(0) == SocketDriver::Fate::kStays);  // There is more output.
  CHECK(connection.written == taken);
  connection.talks = false;
  CHECK(socket.sync(0) == SocketDriver::Fate::kClosed);
}

}  // namespace daphnis::worker::uv
