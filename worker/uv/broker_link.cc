#include "worker/uv/broker_link.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker::uv {

using daphnis::uv::IpcChannel;
using daphnis::uv::IpcConnector;
using daphnis::uv::UniqueFd;
using daphnis::uv::UvPtr;

BrokerLink::BrokerLink(daphnis::uv::Loop& loop, std::string path, Events events)
    : loop_(loop),
      path_(std::move(path)),
      events_(std::move(events)),
      retry_(loop, [this] { connect(); }),
      delay_ms_(limits::kBrokerRetryFirstMs) {
  connect();
}

void BrokerLink::connect() {
  connector_ = std::make_unique<IpcConnector>(
      loop_, path_, [this](Result<UvPtr<uv_pipe_t>> pipe) { on_connect(std::move(pipe)); });
}

void BrokerLink::on_connect(Result<UvPtr<uv_pipe_t>> pipe) {
  connector_.reset();
  if (!pipe) return retry_later();
  codec_ = {};
  channel_ = std::make_unique<IpcChannel>(
      std::move(*pipe),
      IpcChannel::Events{
          .on_frame = [this](Bytes payload,
                             UniqueFd descriptor) { on_frame(payload, std::move(descriptor)); },
          .on_closed = [this](const std::string& why) { drop(why); }});
  // The broker says which files to create and which to unlink, so a process of another user must
  // not pass for it.
  const int peer = channel_->peer_uid();
  if (peer != 0 && peer != static_cast<int>(::geteuid())) {
    return drop("the socket " + path_ + " is that of another user, " + std::to_string(peer));
  }
  events_.on_connected();
}

void BrokerLink::on_frame(Bytes payload, UniqueFd descriptor) {
  const Result<ipc::BrokerToWorker> message = codec_.decode_broker_to_worker(payload);
  if (!message) return drop("malformed message: " + message.error().text());
  if (std::holds_alternative<ipc::Welcome>(*message)) delay_ms_ = limits::kBrokerRetryFirstMs;
  if (!events_.on_message(*message, std::move(descriptor))) drop("");
}

void BrokerLink::drop(const std::string& why) {
  if (!channel_) return;
  channel_.reset();
  retry_later();
  events_.on_closed(why);
}

void BrokerLink::retry_later() {
  retry_.start(delay_ms_);
  delay_ms_ = std::min(delay_ms_ * 2, limits::kBrokerRetryMaxMs);
}

void BrokerLink::send(std::span<const ipc::WorkerToBroker> messages) {
  if (!channel_) return;
  for (const ipc::WorkerToBroker& message : messages) {
    channel_->send(codec_.encode(message, ipc::Carries::kNothing));
  }
}

void BrokerLink::send(const ipc::WorkerToBroker& message, UniqueFd socket) {
  if (!channel_) return;
  channel_->send(loop_, codec_.encode(message, ipc::Carries::kDescriptor), std::move(socket));
}

}  // namespace daphnis::worker::uv
