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
                                 daphnis::uv::UniqueFd) { on_frame(id, payload, nullptr); },
          .on_socket_frame =
              [this, id](Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket) {
                on_frame(id, payload, std::move(socket));
              },
          .on_closed =
              [this, id](const std::string& why) {
                links_.erase(id);
                events_.on_closed(id, why);
              }});
  if (channel->peer_uid() != static_cast<int>(getuid())) return std::nullopt;
  links_.emplace(id, Link{.channel = std::move(channel)});
  return id;
}

void WorkerLinks::on_frame(WorkerId id, Bytes payload, daphnis::uv::UvPtr<uv_tcp_t> socket) {
  const Link* link = find(id);
  if (!link) return;
  auto message = link->codec.decode_worker_to_broker(payload);
  if (!message) return events_.on_malformed(id);
  events_.on_message(id, std::move(*message), std::move(socket));
}

WorkerLinks::Link* WorkerLinks::find(WorkerId id) {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

void WorkerLinks::send(WorkerId id, const ipc::BrokerToWorker& message) {
  Link* link = find(id);
  if (!link || !link->codec.has(message)) return;  // An older worker can do without.
  link->channel->send(link->codec.encode(message, ipc::Carries::kNothing));
}

void WorkerLinks::send(WorkerId id, ipc::Handoff message, daphnis::uv::UvPtr<uv_tcp_t> socket) {
  Link* link = find(id);
  if (!link) return;
  auto frame = link->codec.encode(std::move(message), ipc::Carries::kDescriptor);
  if (!socket) return link->channel->send(std::move(frame));
  link->channel->send(std::move(frame), std::move(socket));
}

void WorkerLinks::send(WorkerId id, const ipc::DirectSocket& message,
                       daphnis::uv::UniqueFd socket) {
  Link* link = find(id);
  if (!link) return;
  link->channel->send(loop_, link->codec.encode(message, ipc::Carries::kDescriptor),
                      std::move(socket));
}

void WorkerLinks::send(WorkerId id, const ipc::ListenerGiven& message, int socket) {
  Link* link = find(id);
  if (!link) return;
  link->channel->send(loop_, link->codec.encode(message, ipc::Carries::kDescriptor),
                      daphnis::uv::copy_of(socket));
}

void WorkerLinks::close(WorkerId id) {
  links_.erase(id);
}

}  // namespace daphnis::broker::uv
