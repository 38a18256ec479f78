#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/ipc/ipc_messages.h"
#include "worker/base/agenda.h"
#include "worker/base/ids.h"
#include "worker/broker/broker_session.h"

namespace daphnis::worker {

/// The sockets on which the worker accepts clients, told apart by their SO_COOKIE (docs/ipc.md).
/// The broker is asked first for the socket of the worker's own slot, so that a successor accepts
/// on the very socket of its predecessor. Where the broker has none, or brings none within
/// kListenerWaitMs, the worker binds its own socket and offers it. A socket of which the broker
/// keeps a copy may be closed without losing the clients that wait in it. Owned by the Worker; the
/// shell holds the sockets, and the Driver has it do what the take_*() functions say.
class Listeners {
 public:
  Listeners(BrokerSession& broker, uint32_t slot) : broker_(broker), slot_(slot) {}

  /// Begins to get a socket that listens on each of these addresses, 1 to kListenAddressesMax, as
  /// ipc::Listening names them. Without this call the worker never accepts clients.
  void start(const std::vector<std::string>& addresses, uint64_t now_ms);
  /// The shell has bound a socket, as take_to_bind() said.
  void on_bound(const std::string& address, uint64_t cookie);
  /// The address of a socket that the broker gives.
  [[nodiscard]] const std::string& address_of(const ipc::ListenerGiven& given) const;
  /// The worker begins to leave. A second call does nothing.
  void leave();

  void on_broker_up();
  void on_broker_closed();
  /// `has_socket` says that the announced socket came with the message. The shell then accepts on
  /// it, if it does not yet.
  void on_given(const ipc::ListenerGiven& given, bool has_socket);
  void on_all_given();
  void on_kept(const ipc::ListenerKept& kept);
  void on_release(const ipc::ListenerRelease& release);

  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const;

  /// The addresses at which the shell must bind a socket and call on_bound().
  [[nodiscard]] std::vector<std::string> take_to_bind() { return std::exchange(to_bind_, {}); }
  /// The offers to send, each with a copy of its socket.
  [[nodiscard]] std::vector<ipc::Listening> take_offers() { return std::exchange(offers_, {}); }
  /// The cookies of the sockets that the shell must close.
  [[nodiscard]] std::vector<uint64_t> take_closed() { return std::exchange(closed_, {}); }

 private:
  /// An address, and how far the worker is with getting a socket of its own there.
  struct Wanted {
    std::string address;
    uint64_t bind_at_ms = kNever;  ///< The time until which the broker may bring a socket.
  };
  struct Held {
    uint64_t cookie = 0;
    uint32_t slot = 0;
    std::string address;
    ListenerId listener_id{};  ///< Valid while is_kept.
    bool is_kept = false;      ///< The broker that is connected keeps a copy.
  };

  void offer(const Held& held);
  void bind(Wanted& wanted);
  [[nodiscard]] Held* find(uint64_t cookie);
  [[nodiscard]] bool has_own(const std::string& address) const;
  /// The number of addresses that this broker is asked for: older ones know of one.
  [[nodiscard]] size_t asked() const;

  BrokerSession& broker_;
  uint32_t slot_;
  std::vector<Wanted> wanted_;  ///< Empty before start().
  size_t answered_ = 0;         ///< The broker has given all that it has for so many of them.
  std::vector<Held> held_;
  std::vector<std::string> to_bind_;
  bool is_leaving_ = false;
  std::vector<ipc::Listening> offers_;
  std::vector<uint64_t> closed_;
};

}  // namespace daphnis::worker
