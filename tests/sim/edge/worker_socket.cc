#include "tests/sim/edge/worker_socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace daphnis::sim {

using worker::Ending;

WorkerSocket::WorkerSocket(Scene& scene, std::unique_ptr<Socket> socket,
                           worker::Connection& connection,
                           std::function<void(WorkerSocket&)> after_event)
    : scene_(scene),
      socket_(std::move(socket)),
      connection_(connection),
      after_event_(std::move(after_event)),
      turn_(scene.clock, [this] { on_turn(); }) {
  socket_->listen([this] { poll(); });
}

/// Sets the turn where what is wanted is there.
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
      // Who may not keep the input must not find it there later.
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
  const uint64_t now_ms = scene_.clock.now_ms();
  std::array<Bytes, 8> views;
  while (!is_blocked_) {
    const size_t count = connection_.output(std::span(views).first(scene_.chance.between(2, 8)));
    if (count == 0) return;
    if (socket_->is_reset()) return connection_.on_lost(now_ms);
    size_t written = 0;
    for (size_t i = 0; i < count && !is_blocked_; ++i) {
      const size_t size = socket_->write(views[i]);
      written += size;
      is_blocked_ = size < views[i].size();
    }
    connection_.on_written(written, now_ms);
  }
}

WorkerSocket::Fate WorkerSocket::sync() {
  if (connection_.ending() != Ending::kReset) write();
  const bool is_written = !is_blocked_;
  switch (connection_.ending()) {
    case Ending::kOpen:
      break;
    case Ending::kHalfClose:
      if (is_written && !std::exchange(is_half_closed_, true)) socket_->shutdown();
      break;
    case Ending::kClose:
      if (is_written) return Fate::kClosed;
      break;
    case Ending::kReset:
      socket_->abort();
      return Fate::kClosed;
    case Ending::kGiveBack:
      if (is_written) return Fate::kGivenBack;
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
