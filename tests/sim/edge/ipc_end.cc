#include "tests/sim/edge/ipc_end.h"

#include <array>
#include <utility>

namespace daphnis::sim {

IpcEnd::IpcEnd(Scene& scene, std::unique_ptr<Socket> socket, Events events)
    : scene_(scene),
      socket_(std::move(socket)),
      events_(std::make_shared<Events>(std::move(events))),
      turn_(scene.clock, [this] { on_change(); }) {
  socket_->listen([this] { on_change(); });
}

void IpcEnd::send(std::vector<uint8_t> frame, std::unique_ptr<Socket> passenger) {
  if (passenger && scene_.chance.one_in(scene_.weather.socket_lost_one_in)) {
    scene_.trace("a socket is lost on its way");
    ++scene_.tally.sockets_lost;
    passenger.reset();
  }
  outgoing_.push_back({std::move(frame), 0, std::move(passenger)});
  flush();
}

void IpcEnd::flush() {
  while (!outgoing_.empty() && socket_->can_write() && !socket_->is_reset()) {
    Outgoing& next = outgoing_.front();
    if (next.passenger) socket_->attach(std::move(next.passenger));
    next.at += socket_->write(Bytes(next.frame).subspan(next.at));
    if (next.at < next.frame.size()) return;
    outgoing_.pop_front();
  }
}

void IpcEnd::on_change() {
  flush();
  const std::shared_ptr<Events> alive = events_;
  if (socket_->readable() > 0) {
    std::array<uint8_t, 4096> buffer;
    const size_t most = scene_.chance.one_in(4) ? scene_.chance.between(1, 16) : buffer.size();
    const size_t size = socket_->read(std::span(buffer).first(most));
    reader_.append({buffer.data(), size});
    if (socket_->is_ready()) turn_.after(0);
    return take_frames();
  }
  if (socket_->has_ended() || socket_->is_reset()) alive->on_closed();
}

void IpcEnd::take_frames() {
  const std::shared_ptr<bool> is_open = is_open_;
  const std::shared_ptr<Events> alive = events_;
  while (*is_open) {
    ipc::FrameReader::Frame frame;
    const auto event = reader_.next(frame);
    if (event == ipc::FrameReader::Event::kNeedMore) return;
    if (event == ipc::FrameReader::Event::kMalformed) return scene_.fail("a malformed IPC frame");
    const std::vector<uint8_t> payload(frame.payload.begin(), frame.payload.end());
    alive->on_frame(payload, frame.has_descriptor ? socket_->take_passenger() : nullptr);
  }
}

}  // namespace daphnis::sim
