#include "tests/sim/edge/worker_socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tests/sim/edge/worker_disk.h"

namespace daphnis::sim {

using worker::Ending;

WorkerSocket::WorkerSocket(Scene& scene, std::unique_ptr<Socket> socket,
                           worker::Connection& connection,
                           std::function<void(WorkerSocket&)> after_event)
    : scene_(scene),
      socket_(std::move(socket)),
      connection_(connection),
      after_event_(std::move(after_event)),
      turn_(scene.clock, [this] { on_turn(); }),
      warming_(scene) {
  socket_->listen([this] { poll(); });
}

/// Sets the alarm of the next turn where the socket is ready for what the connection wants.
void WorkerSocket::poll() {
  const bool reads = !has_input_ended_ && connection_.wants_input() && socket_->is_ready();
  if ((reads || (is_blocked_ && socket_->can_write())) && !turn_.is_set()) turn_.after(0);
}

void WorkerSocket::on_turn() {
  if (is_blocked_ && socket_->can_write()) is_blocked_ = false;
  read();
  const auto call = after_event_;
  call(*this);
}

void WorkerSocket::read() {
  const uint64_t now_ms = scene_.clock.now_ms();
  for (uint64_t reads = scene_.chance.between(1, 4); reads > 0; --reads) {
    if (has_input_ended_ || !connection_.wants_input() || !socket_->is_ready()) return;
    const bool keeps = connection_.keeps_input();
    const BufferRef buffer = keeps ? scene_.pool.take() : scratch_;
    const size_t most = scene_.chance.one_in(4) ? scene_.chance.between(1, 300) : buffer.capacity();
    const size_t size = socket_->read({buffer.data(), most});
    if (size > 0) {
      connection_.on_bytes(Slice{buffer, buffer.data(), size}, now_ms);
      // Input that the connection must not keep is overwritten, so that a use of it shows.
      if (!keeps) std::memset(scratch_.data(), 0xdb, size);
      continue;
    }
    has_input_ended_ = true;
    if (socket_->is_reset()) {
      connection_.on_lost(now_ms);
    } else {
      connection_.on_eof(now_ms);
    }
  }
}

void WorkerSocket::write() {
  std::array<Bytes, 8> views;
  bool goes_on = is_written();
  while (goes_on) {
    const size_t count = connection_.output(std::span(views).first(scene_.chance.between(2, 8)));
    if (count > 0) {
      goes_on = write_memory(std::span(views).first(count));
    } else if (const worker::FileRange piece = connection_.file_output()) {
      goes_on = write_file(piece);
    } else {
      return;
    }
  }
}

bool WorkerSocket::write_memory(std::span<const Bytes> views) {
  const uint64_t now_ms = scene_.clock.now_ms();
  if (socket_->is_reset()) {
    connection_.on_lost(now_ms);
    return false;
  }
  size_t written = 0;
  for (size_t i = 0; i < views.size() && !is_blocked_; ++i) {
    const size_t size = socket_->write(views[i]);
    written += size;
    is_blocked_ = size < views[i].size();
  }
  connection_.on_written(written, now_ms);
  return !is_blocked_;
}

bool WorkerSocket::write_file(const worker::FileRange& piece) {
  const uint64_t now_ms = scene_.clock.now_ms();
  if (socket_->is_reset()) {
    connection_.on_lost(now_ms);
    return false;
  }
  const bool is_warm =
      warm_.file == piece.file.get() && warm_.begin <= piece.offset && piece.offset < warm_.end;
  if (!is_warm && scene_.disk.is_cold()) {
    warm_up(piece);
    return false;
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
    connection_.on_file_lost(error, now_ms);
    return connection_.ending() == Ending::kOpen;
  }
  const size_t written = socket_->write(as_bytes(bytes));
  is_blocked_ = written < bytes.size();
  if (written > 0) connection_.on_written(written, now_ms);
  return !is_blocked_;
}

void WorkerSocket::warm_up(const worker::FileRange& piece) {
  auto read = [this, piece] {
    std::string bytes;
    warm_error_ = scene_.disk.read(OpenFile::inode_of(piece.file), piece.offset,
                                   static_cast<size_t>(piece.size), bytes);
  };
  warming_.start({std::move(read)}, [this, piece] {
    warm_ = {piece.file.get(), piece.offset, piece.offset + piece.size};
    const auto call = after_event_;
    call(*this);
  });
  connection_.on_file_awaited();
}

WorkerSocket::Fate WorkerSocket::sync() {
  if (connection_.ending() != Ending::kReset) write();
  const bool is_done = is_written();
  switch (connection_.ending()) {
    case Ending::kOpen:
      break;
    case Ending::kHalfClose:
      if (is_done && !std::exchange(is_half_closed_, true)) socket_->shutdown();
      break;
    case Ending::kClose:
      if (is_done) return Fate::kClosed;
      break;
    case Ending::kReset:
      socket_->abort();
      return Fate::kClosed;
    case Ending::kGiveBack:
      if (is_done) return Fate::kGivenBack;
      break;
  }
  poll();
  return Fate::kStays;
}

void WorkerSocket::on_tick() {
  if (is_blocked_) connection_.on_unsent(socket_->unread_by_peer(), scene_.clock.now_ms());
}

std::unique_ptr<Socket> WorkerSocket::release() {
  turn_.stop();
  socket_->listen(nullptr);
  return std::move(socket_);
}

}  // namespace daphnis::sim
