#include "worker/broker/broker_session.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

void BrokerSession::on_connected(uint64_t now_ms) {
  state_ = State::kGreeting;
  heard_ms_ = now_ms;
  next_ping_ms_ = now_ms + limits::kIpcPingEveryMs;
  why_.clear();
  messages_.clear();
  first_messages_.clear();
  messages_.emplace_back(ipc::Hello{.index = index_, .pid = pid_});
}

void BrokerSession::on_closed() {
  state_ = State::kDown;
  next_ping_ms_ = kNever;
  messages_.clear();
  first_messages_.clear();
}

BrokerSession::Verdict BrokerSession::on_message(const ipc::BrokerToWorker& message,
                                                 uint64_t now_ms) {
  heard_ms_ = now_ms;
  if (const auto* welcome = std::get_if<ipc::Welcome>(&message)) {
    const bool is_spoken =
        welcome->version >= ipc::kVersionMin && welcome->version <= ipc::kVersion;
    if (state_ != State::kGreeting || !is_spoken) {
      why_ = "the broker's welcome makes no sense";
      return Verdict::kDrop;
    }
    state_ = State::kUp;
    version_ = welcome->version;
    codec_ = ipc::Codec(version_);
    node_id_ = welcome->node_id;
    next_ping_ms_ = now_ms + limits::kIpcPingEveryMs;
    return Verdict::kUp;
  }
  if (const auto* refused = std::get_if<ipc::Refused>(&message)) {
    why_ = "refused: " + refused->reason;
    return Verdict::kDrop;
  }
  if (const auto* ping = std::get_if<ipc::Ping>(&message)) {
    send(ipc::Pong{ping->sequence});
    return Verdict::kHandled;
  }
  if (std::holds_alternative<ipc::Pong>(message)) return Verdict::kHandled;
  if (state_ == State::kUp) return Verdict::kPassOn;
  why_ = "the broker spoke before its welcome";
  return Verdict::kDrop;
}

bool BrokerSession::on_time(uint64_t now_ms) {
  if (state_ == State::kDown) return true;
  // After a pause of the worker itself messages may lie unread, so the wait begins anew.
  if (now_ms >= next_call_ms() + limits::kIpcPingEveryMs) heard_ms_ = now_ms;
  if (now_ms >= heard_ms_ + limits::kBrokerSilentMs) {
    why_ = "the broker is silent";
    return false;
  }
  if (now_ms >= next_ping_ms_) {
    next_ping_ms_ = now_ms + limits::kIpcPingEveryMs;
    send(ipc::Ping{++ping_sequence_});
  }
  return true;
}

uint64_t BrokerSession::next_call_ms() const {
  if (state_ == State::kDown) return kNever;
  return std::min(next_ping_ms_, heard_ms_ + limits::kBrokerSilentMs);
}

void BrokerSession::send(ipc::WorkerToBroker message) {
  if (state_ == State::kUp && codec_.has(message)) messages_.push_back(std::move(message));
}

void BrokerSession::send_first(ipc::WorkerToBroker message) {
  if (state_ == State::kUp && codec_.has(message)) first_messages_.push_back(std::move(message));
}

std::vector<ipc::WorkerToBroker> BrokerSession::take_first_messages() {
  return std::exchange(first_messages_, {});
}

std::vector<ipc::WorkerToBroker> BrokerSession::take_messages() {
  return std::exchange(messages_, {});
}

}  // namespace daphnis::worker
