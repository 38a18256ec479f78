#pragma once

#include <absl/container/btree_map.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/context.h"

namespace daphnis::broker {

/// A listening socket that came with a message. The shell keeps it under this number until the
/// core's CloseListener.
struct ArrivedListener {
  ListenerId id{};
  uint64_t cookie = 0;  ///< Its SO_COOKIE.
};

/// The listening sockets for clients of all workers (docs/ipc.md). The broker keeps a copy of each,
/// so that a socket outlives its worker, and assigns it to workers that accept on it: to those of
/// the socket's own slot (its --index), that is, the worker that bound it or a successor, and while
/// none of these replies to pings, to another worker as a stand-in. A socket that no worker can
/// serve is closed after kListenerUnservedMs, so that clients are refused and not kept waiting.
/// Owned by Workers.
class Listeners {
 public:
  explicit Listeners(Context& context) : context_(context) {}

  // --- Changes of a worker's connection ---
  void on_admitted(WorkerId worker, uint32_t slot);
  /// The worker leaves pings without a pong, so stand-ins take its sockets.
  void on_silent(WorkerId worker, uint64_t now_ms);
  /// The worker has sent something again after its silence.
  void on_heard_again(WorkerId worker, uint64_t now_ms);
  void on_leaving(WorkerId worker, uint64_t now_ms);
  void on_gone(WorkerId worker, uint64_t now_ms);

  // --- A worker's messages ---
  /// `arrived` is the listening socket that came with the message, if one did. It is kept, or
  /// closed by CloseListener.
  void on_listening(WorkerId worker, const ipc::Listening& message,
                    const std::optional<ArrivedListener>& arrived, uint64_t now_ms);
  void on_wanted(WorkerId worker, const ipc::ListenersWanted& message, uint64_t now_ms);
  void on_taken(WorkerId worker, const ipc::ListenerTaken& message, uint64_t now_ms);

  /// Once a second: closes sockets that no worker has served for too long, and offers sockets again
  /// to workers that could not take them before.
  void on_second(uint64_t now_ms);

  [[nodiscard]] size_t size() const { return listeners_.size(); }
  /// The number of sockets that this worker accepts on.
  [[nodiscard]] size_t held_by(WorkerId worker) const;

 private:
  /// A worker, as far as it may accept on sockets.
  struct Server {
    uint32_t slot = 0;
    std::vector<std::string> addresses = {};  ///< kListenAddressesMax at most.
    bool is_silent = false;
    bool is_leaving = false;
  };
  /// A worker that was given the socket, or brought it.
  struct Holder {
    WorkerId worker{};
    bool has_refused = false;  ///< It could not take the socket; offered again within a second.
  };
  struct Listener {
    ListenerId id{};
    uint64_t cookie = 0;
    uint32_t slot = 0;
    std::string address = {};
    std::vector<Holder> holders = {};
    std::optional<uint64_t> unserved_since_ms = {};
  };

  /// Gives the socket to the workers that are to accept on it, and takes it from all others.
  void assign(Listener& listener, uint64_t now_ms);
  void assign_all(uint64_t now_ms);
  [[nodiscard]] static bool listens_on(const Server& server, const std::string& address) {
    return std::ranges::find(server.addresses, address) != server.addresses.end();
  }
  static void add_address(Server& server, const std::string& address);
  [[nodiscard]] static bool serves(const Server& server, const Listener& listener) {
    return !server.is_silent && !server.is_leaving && listens_on(server, listener.address);
  }
  /// Gives the socket to the workers of its slot that reply to pings. False: there are none.
  [[nodiscard]] bool give_to_own(Listener& listener);
  /// Leaves the socket with a stand-in, or gives it to one. False: no worker can take it.
  [[nodiscard]] bool give_to_stand_in(Listener& listener);
  void give(Listener& listener, WorkerId worker);
  /// Takes the socket from all workers that reply to pings, but for those of its slot and `stays`.
  void take_back(Listener& listener, std::optional<WorkerId> stays);
  [[nodiscard]] static Holder* find_holder(Listener& listener, WorkerId worker);
  [[nodiscard]] Listener* find_by_cookie(uint64_t cookie);
  void forget_holder(WorkerId worker);
  /// False where the bound for this slot and address, or for all, is reached.
  [[nodiscard]] bool may_keep_another(const ipc::Listening& message) const;
  /// True where a worker that listens on that address and does not leave may serve the socket
  /// later.
  [[nodiscard]] bool may_be_served(const Listener& listener) const;

  Context& context_;
  absl::btree_map<WorkerId, Server> servers_;  ///< All admitted workers.
  absl::btree_map<ListenerId, Listener> listeners_;
};

}  // namespace daphnis::broker
