#include "tests/sim/edge/worker_socket.h"

#include <algorithm>
#include <utility>

#include "tests/sim/edge/worker_disk.h"

namespace daphnis::sim {

using worker::FileSent;
using worker::SocketRead;

WorkerSocket::WorkerSocket(Scene& scene, std::unique_ptr<Socket> socket, WorkerBuffers& buffers)
    : scene_(scene),
      socket_(std::move(socket)),
      buffers_(buffers),
      turn_(scene.clock, [this] { on_turn(); }),
      warming_(scene) {}

void WorkerSocket::start(worker::SocketUser& user) {
  user_ = &user;
  socket_->listen([this] { poll(); });
}

worker::Readiness WorkerSocket::readiness() const {
  return {.reads = wanted_.reads && socket_->is_ready(),
          .writes = wanted_.writes && socket_->can_write()};
}

void WorkerSocket::want(worker::Readiness wanted) {
  wanted_ = wanted;
  poll();
}

/// Sets the alarm of the next turn where the socket is ready for what is wanted.
void WorkerSocket::poll() {
  const worker::Readiness ready = readiness();
  if ((ready.reads || ready.writes) && !turn_.is_set()) turn_.after(0);
}

void WorkerSocket::on_turn() {
  const worker::Readiness ready = readiness();
  if (!ready.reads && !ready.writes) return;
  WorkerBuffers& buffers = buffers_;  // The driver may destroy this object.
  user_->on_ready(ready, scene_.clock.now_ms());
  buffers.spoil();
}

SocketRead WorkerSocket::read(std::span<uint8_t> first, std::span<uint8_t> second) {
  if (!socket_->is_ready()) return {};
  Chance& chance = scene_.chance;
  const size_t space = first.size() + second.size();
  const size_t most = chance.one_in(4) ? std::min(space, chance.between(1, 300)) : space;
  size_t size = socket_->read(first.first(std::min(most, first.size())));
  if (size == first.size()) size += socket_->read(second.first(most - size));
  if (size > 0) return {.outcome = SocketRead::Outcome::kBytes, .bytes = size};
  return {.outcome = socket_->is_reset() ? SocketRead::Outcome::kLost : SocketRead::Outcome::kEnd};
}

/// Writes a random number of the views, as much as fits.
worker::SocketWritten WorkerSocket::write(std::span<const Bytes> views, bool) {
  buffers_.spoil();
  if (socket_->is_reset()) return {.is_lost = true};
  const auto offered = views.first(std::min(views.size(), scene_.chance.between(2, 8)));
  worker::SocketWritten written{.is_full = offered.size() < views.size()};
  for (const Bytes view : offered) {
    const size_t size = socket_->write(view);
    written.bytes += size;
    if (size == view.size()) continue;
    written.is_full = true;
    break;
  }
  return written;
}

FileSent WorkerSocket::send(const worker::FileRange& piece) {
  using Outcome = FileSent::Outcome;
  buffers_.spoil();
  if (socket_->is_reset()) return {.outcome = Outcome::kSocketLost};
  const bool is_warm =
      warm_.file == piece.file.get() && warm_.begin <= piece.offset && piece.offset < warm_.end;
  if (!is_warm && scene_.disk.is_cold()) {
    warm_up(piece);
    return {.outcome = Outcome::kCold};
  }
  std::string bytes;
  int error = std::exchange(warm_error_, 0);
  const uint64_t most = scene_.chance.between(1, 64 * 1024);
  if (error == 0) {
    error = scene_.disk.read(OpenFile::inode_of(piece.file), piece.offset,
                             static_cast<size_t>(std::min(piece.size, most)), bytes);
  }
  if (error != 0 || bytes.empty()) {
    scene_.trace("a file is lost while it is sent: {}", error);
    ++scene_.tally.files_lost;
    warm_ = {};
    return {.outcome = Outcome::kFileLost, .error = error};
  }
  const size_t written = socket_->write(as_bytes(bytes));
  if (written == 0) return {.outcome = Outcome::kBlocked};
  return {.bytes = written, .is_socket_full = written < bytes.size()};
}

void WorkerSocket::warm_up(const worker::FileRange& piece) {
  auto read = [this, piece] {
    std::string bytes;
    warm_error_ = scene_.disk.read(OpenFile::inode_of(piece.file), piece.offset,
                                   static_cast<size_t>(piece.size), bytes);
  };
  warming_.start({std::move(read)}, [this, piece] {
    warm_ = {piece.file.get(), piece.offset, piece.offset + piece.size};
    user_->on_file_warm(scene_.clock.now_ms());
  });
}

std::unique_ptr<Socket> WorkerSocket::release() {
  turn_.stop();
  socket_->listen(nullptr);
  return std::move(socket_);
}

}  // namespace daphnis::sim
