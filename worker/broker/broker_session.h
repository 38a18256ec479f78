#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ipc/ipc_codec.h"
#include "common/ipc/ipc_messages.h"
#include "worker/base/agenda.h"

namespace daphnis::worker {

/// The worker's side of a broker connection (DESIGN 4): sends Hello, becomes usable with Welcome,
/// pings, and finds a broker that has fallen silent. Holds messages until the Driver takes them.
/// Owned by the Worker; the shell connects again after each end.
class BrokerSession {
 public:
  enum class State : uint8_t { kDown, kGreeting, kUp };
  /// What the Worker has to do about a message.
  enum class Verdict : uint8_t {
    kPassOn,   ///< The Worker must handle the message.
    kHandled,  ///< The session has handled the message.
    kUp,       ///< The broker is usable from now on; `node_id()` is its name.
    kDrop,     ///< The connection must be closed; `why()` says why.
  };

  BrokerSession(uint32_t index, uint32_t pid) : index_(index), pid_(pid) {}

  void on_connected(uint64_t now_ms);
  void on_closed();
  [[nodiscard]] Verdict on_message(const ipc::BrokerToWorker& message, uint64_t now_ms);
  /// Sends a ping where one is due. False where the broker has been silent for kBrokerSilentMs in
  /// which the worker could have heard it: its connection must be closed.
  [[nodiscard]] bool on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const;

  /// Queues a message. Dropped where the broker is not up, since the messages of one connection
  /// mean nothing in the next, and where it is of an earlier version that lacks the message.
  void send(ipc::WorkerToBroker message);
  /// Does the same with a message that the broker is to have before any client is written to. It
  /// overtakes messages that were queued before.
  void send_first(ipc::WorkerToBroker message);
  [[nodiscard]] std::vector<ipc::WorkerToBroker> take_first_messages();
  [[nodiscard]] std::vector<ipc::WorkerToBroker> take_messages();

  [[nodiscard]] bool is_up() const { return state_ == State::kUp; }
  /// The version of the messages, where the broker is up.
  [[nodiscard]] uint16_t version() const { return version_; }
  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  /// The connection must be closed for that reason.
  void give_up(std::string why) { why_ = std::move(why); }

 private:
  uint32_t index_;
  uint32_t pid_;
  State state_ = State::kDown;
  std::vector<ipc::WorkerToBroker> messages_;
  std::vector<ipc::WorkerToBroker> first_messages_;
  uint16_t version_ = ipc::kVersionMin;
  std::string node_id_;
  std::string why_;
  ipc::Codec codec_;  ///< Knows which messages the broker's version has.
  uint64_t heard_ms_ = 0;
  uint64_t next_ping_ms_ = kNever;  ///< No ping goes out then while the broker is not up.
  uint64_t ping_sequence_ = 0;
};

}  // namespace daphnis::worker
