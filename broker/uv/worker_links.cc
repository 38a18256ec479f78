#include "broker/uv/worker_links.h"

#include <unistd.h>

#include <utility>

#include "common/ipc/ipc_codec.h"

namespace daphnis::broker::uv {

std::optional<WorkerId> WorkerLinks::add(daphnis::uv::UvPtr<uv_pipe_t> pipe) {
  const WorkerId id{++last_id_};
  auto channel = std::make_unique<daphnis::uv::IpcChannel>(
      std::move(pipe),
      daphnis::uv::IpcChannel::Events{
          .on_frame = [this, id](Bytes payload,
                                 daphnis::uv::UniqueFd) { on_frame(id, payload, nullptr); },
          .on_socket_frame =
              [this, id](Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket) {
                on_frame(id, payload, std::move(socket));
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

void WorkerLinks::on_frame(WorkerId id, Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket) {
  auto message = ipc::decode_worker_to_broker(payload);
  if (!message) return events_.on_malformed(id);
  events_.on_message(id, std::move(*message), std::move(socket));
}

daphnis::uv::IpcChannel* WorkerLinks::find(WorkerId id) {
  const auto found = channels_.find(id);
  return found == channels_.end() ? nullptr : found->second.get();
}

void WorkerLinks::send(WorkerId id, const ipc::BrokerToWorker& message) {
  if (auto* channel = find(id)) channel->send(ipc::encode_frame(message, ipc::Carries::kNothing));
}

void WorkerLinks::send(WorkerId id, ipc::Handoff message, daphnis::uv::UvPtr<uv_tcp_t> socket) {
  auto* channel = find(id);
  if (!channel) return;
  auto frame = ipc::encode_frame(std::move(message), ipc::Carries::kDescriptor);
  if (!socket) return channel->send(std::move(frame));
  channel->send(std::move(frame), std::move(socket));
}

void WorkerLinks::send(WorkerId id, const ipc::ListenerGiven& message, int socket) {
  if (auto* channel = find(id)) {
    channel->send(loop_, ipc::encode_frame(message, ipc::Carries::kDescriptor),
                  daphnis::uv::copy_of(socket));
  }
}

void WorkerLinks::close(WorkerId id) {
  channels_.erase(id);
}

}  // namespace daphnis::broker::uv
