#include "broker/uv/worker_links.h"

#include <unistd.h>

#include <utility>

namespace daphnis::broker::uv {

std::optional<WorkerId> WorkerLinks::add(daphnis::uv::UvPtr<uv_pipe_t> pipe) {
  const WorkerId id{++last_id_};
  auto channel = std::make_unique<daphnis::uv::IpcChannel>(
      std::move(pipe),
      daphnis::uv::IpcChannel::Events{
          .on_frame = [this, id](Bytes payload,
                                 daphnis::uv::UniqueFd) { events_.on_frame(id, payload, nullptr); },
          .on_socket_frame =
              [this, id](Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket) {
                events_.on_frame(id, payload, std::move(socket));
              },
          .on_closed =
              [this, id](const std::string& why) {
                channels_.erase(id);
                events_.on_closed(id, why);
              }});
  if (channel->peer_uid() != static_cast<int>(getuid())) return std::nullopt;
  channels_.emplace(id, std::move(channel));
  return id;
}

void WorkerLinks::send(WorkerId id, std::vector<uint8_t> frame) {
  const auto found = channels_.find(id);
  if (found != channels_.end()) found->second->send(std::move(frame));
}

void WorkerLinks::send(WorkerId id, std::vector<uint8_t> frame,
                       daphnis::uv::UvPtr<uv_tcp_t> socket) {
  const auto found = channels_.find(id);
  if (found != channels_.end()) found->second->send(std::move(frame), std::move(socket));
}

void WorkerLinks::send_copy(WorkerId id, std::vector<uint8_t> frame, int socket) {
  const auto found = channels_.find(id);
  if (found != channels_.end())
    found->second->send(loop_, std::move(frame), daphnis::uv::copy_of(socket));
}

void WorkerLinks::close(WorkerId id) {
  channels_.erase(id);
}

}  // namespace daphnis::broker::uv
