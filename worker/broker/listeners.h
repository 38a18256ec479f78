#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/ipc/ipc_messages.h"
#include "worker/base/agenda.h"
#include "worker/broker/broker_session.h"

namespace daphnis::worker {

/// Which sockets the worker accepts clients on, told apart by their SO_COOKIE (docs/ipc.md). The
/// broker is asked for that of the worker's own slot first, so that a successor accepts on the very
/// socket of its predecessor; where the broker has none, or is not there in time, the worker binds
/// its own and offers it. What the broker keeps may be closed without losing whoever waits in it.
/// Owned by the Worker; the shell holds the sockets and carries out what the take_*() say.
class Listeners {
 public:
  Listeners(BrokerSession& broker, uint32_t slot) : broker_(broker), slot_(slot) {}

  /// The worker is to accept on `address`. Without this call it never does.
  void start(std::string address, uint64_t now_ms);
  /// The shell has bound a socket of its own, as take_must_bind() said.
  void on_bound(uint64_t cookie);
  /// The worker wants to leave. Twice does no harm.
  void leave();

  void on_broker_up();
  void on_broker_closed();
  /// `has_socket`: the right one came with it. The shell then accepts on it, if it does not yet.
  void on_given(const ipc::ListenerGiven& given, bool has_socket);
  void on_all_given();
  void on_kept(const ipc::ListenerKept& kept);
  void on_release(const ipc::ListenerRelease& release);

  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const { return bind_at_ms_; }

  /// True once where the shell is to bind a socket and say on_bound().
  [[nodiscard]] bool take_must_bind() { return std::exchange(must_bind_, false); }
  /// To be sent, each with a copy of its socket.
  [[nodiscard]] std::vector<ipc::Listening> take_offers() { return std::exchange(offers_, {}); }
  /// The cookies of those to close.
  [[nodiscard]] std::vector<uint64_t> take_closed() { return std::exchange(closed_, {}); }

 private:
  struct Held {
    uint64_t cookie = 0;
    uint32_t slot = 0;
    uint64_t listener_id = 0;  ///< The broker's number for its copy.
    bool is_kept = false;      ///< By the broker of now.
  };

  void offer(const Held& held);
  void bind();
  [[nodiscard]] Held* find(uint64_t cookie);
  [[nodiscard]] bool has_own() const;

  BrokerSession& broker_;
  uint32_t slot_;
  std::string address_;  ///< Empty: not started.
  std::vector<Held> held_;
  uint64_t bind_at_ms_ = kNever;  ///< Until then the broker may bring one.
  bool must_bind_ = false;
  bool is_leaving_ = false;
  std::vector<ipc::Listening> offers_;
  std::vector<uint64_t> closed_;
};

}  // namespace daphnis::worker
