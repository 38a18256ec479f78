#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ipc/ipc_messages.h"
#include "worker/base/agenda.h"

namespace daphnis::worker {

/// The worker's side of one life of its broker connection (DESIGN 4): says Hello, becomes usable
/// with Welcome, pings, and finds a broker that has fallen silent. Holds what is to be sent until
/// the shell takes it. Owned by the Worker; the shell connects again after each end.
class BrokerSession {
 public:
  enum class State : uint8_t { kDown, kGreeting, kUp };
  /// What a message means for the Worker.
  enum class Verdict : uint8_t {
    kPassOn,   ///< The Worker's to handle.
    kHandled,  ///< Done with here.
    kUp,       ///< The broker is now usable; `node_id()` holds its name.
    kDrop,     ///< The connection is no use: close it; `why()` says why.
  };

  BrokerSession(uint32_t index, uint32_t pid) : index_(index), pid_(pid) {}

  void on_connected(uint64_t now_ms);
  void on_closed();
  [[nodiscard]] Verdict on_message(const ipc::BrokerToWorker& message, uint64_t now_ms);
  /// Sends the ping that is due. False: the broker has been silent too long, drop it.
  [[nodiscard]] bool on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const;

  /// Dropped where the broker is not up (the messages of a dead broker mean nothing to the next).
  void send(ipc::WorkerToBroker message);
  [[nodiscard]] std::vector<ipc::WorkerToBroker> take_messages();

  [[nodiscard]] bool is_up() const { return state_ == State::kUp; }
  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  uint32_t index_;
  uint32_t pid_;
  State state_ = State::kDown;
  std::vector<ipc::WorkerToBroker> messages_;
  std::string node_id_;
  std::string why_;
  uint64_t heard_ms_ = 0;
  uint64_t next_ping_ms_ = kNever;
  uint64_t ping_sequence_ = 0;
};

}  // namespace daphnis::worker
