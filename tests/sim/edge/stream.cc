#include "tests/sim/edge/stream.h"

#include <algorithm>
#include <array>
#include <utility>

namespace daphnis::sim {

Stream::Stream(Scene& scene, std::unique_ptr<Socket> socket, Events events)
    : scene_(scene),
      socket_(std::move(socket)),
      events_(std::make_shared<Events>(std::move(events))),
      turn_(scene.clock, [this] { on_change(); }),
      drained_(scene.clock,
               [this] {
                 const std::shared_ptr<Events> alive = events_;
                 alive->on_drained();
               }),
      taken_(scene.clock, [this] {
        const std::shared_ptr<Events> alive = events_;
        alive->on_taken();
      }) {
  socket_->listen([this] { on_change(); });
  if (socket_->is_ready()) turn_.after(0);
}

void Stream::on_change() {
  flush();
  if (is_stopped_ || has_ended_) return;
  const std::shared_ptr<Events> alive = events_;
  if (socket_->readable() > 0) {
    std::array<uint8_t, 16 * 1024> buffer;
    const size_t most = scene_.chance.one_in(8) ? scene_.chance.between(1, 64) : buffer.size();
    const size_t size = socket_->read(std::span(buffer).first(std::min(most, read_max_)));
    if (socket_->is_ready()) turn_.after(0);
    return alive->on_bytes({buffer.data(), size});
  }
  if (!socket_->is_reset() && !socket_->has_ended()) return;
  has_ended_ = true;
  alive->on_end(socket_->is_reset() ? "reset" : "");
}

void Stream::start_reading() {
  is_stopped_ = false;
  turn_.after(0);
}

void Stream::write(std::string_view bytes) {
  unsent_.append(bytes);
  flush();
}

void Stream::flush() {
  if (!unsent_.empty() && socket_->is_reset()) unsent_.clear();  // No peer will take these bytes.
  if (!unsent_.empty()) {
    const size_t taken = socket_->write(as_bytes(unsent_));
    unsent_.erase(0, taken);
    if (taken > 0 && events_->on_taken) taken_.after(0);
    if (unsent_.empty() && events_->on_drained) drained_.after(0);
  }
  if (unsent_.empty() && std::exchange(is_ending_, false)) socket_->shutdown();
}

void Stream::shutdown() {
  is_ending_ = true;
  flush();
}

std::unique_ptr<Socket> Stream::release() {
  turn_.stop();
  drained_.stop();
  taken_.stop();
  socket_->listen(nullptr);
  return std::move(socket_);
}

}  // namespace daphnis::sim
