#pragma once

#include <absl/container/btree_map.h>

#include <optional>
#include <string>
#include <vector>

#include "broker/base/context.h"

namespace daphnis::broker {

/// A listening socket that came with a message: the shell keeps it under this number until
/// CloseListener.
struct ArrivedListener {
  ListenerId id{};
  uint64_t cookie = 0;  ///< Its SO_COOKIE.
};

/// The sockets on which clients come in, of all workers (docs/ipc.md): the broker holds a copy of
/// each, so that none is closed while the port serves, and sees to it that somebody who answers
/// accepts on it. That is the worker of the socket's own slot (its --index): the one that bound it
/// or its successor; while none of these answers, another worker stands in. A socket that nobody
/// serves is closed after kListenerUnservedMs, so that clients are refused and not kept waiting.
/// Owned by Workers.
class Listeners {
 public:
  explicit Listeners(Context& context) : context_(context) {}

  // --- What a worker's connection is to them ---
  void on_admitted(WorkerId worker, uint32_t slot);
  /// It leaves pings unanswered: another one takes its part.
  void on_silent(WorkerId worker, uint64_t now_ms);
  /// It answers again.
  void on_heard_again(WorkerId worker, uint64_t now_ms);
  void on_leaving(WorkerId worker, uint64_t now_ms);
  void on_gone(WorkerId worker, uint64_t now_ms);

  // --- Its messages ---
  /// `arrived`: the listening socket that came with it, if one did; kept, or closed by a command.
  void on_listening(WorkerId worker, const ipc::Listening& message,
                    const std::optional<ArrivedListener>& arrived, uint64_t now_ms);
  void on_wanted(WorkerId worker, const ipc::ListenersWanted& message, uint64_t now_ms);
  void on_taken(WorkerId worker, const ipc::ListenerTaken& message, uint64_t now_ms);

  /// Once a second: closes what nobody has served for too long, and tries those again that could
  /// not take a socket.
  void on_second(uint64_t now_ms);

  [[nodiscard]] size_t size() const { return listeners_.size(); }
  /// How many of them this worker accepts on.
  [[nodiscard]] size_t held_by(WorkerId worker) const;

 private:
  struct Server {
    uint32_t slot = 0;
    std::string address = {};  ///< Empty until it has asked.
    bool is_silent = false;
    bool is_leaving = false;
  };
  struct Holder {
    WorkerId worker{};
    bool has_refused = false;  ///< It could not take the socket; tried again a second later.
  };
  struct Listener {
    ListenerId id{};
    uint64_t cookie = 0;
    uint32_t slot = 0;
    std::string address = {};
    std::vector<Holder> holders = {};
    std::optional<uint64_t> unserved_since_ms = {};
  };

  /// Sees to it that the right workers accept on it, and nobody else.
  void assign(Listener& listener, uint64_t now_ms);
  void assign_all(uint64_t now_ms);
  [[nodiscard]] static bool serves(const Server& server, const Listener& listener) {
    return !server.is_silent && !server.is_leaving && server.address == listener.address;
  }
  /// Gives it to those of its own slot that answer. False: there are none.
  [[nodiscard]] bool give_to_own(Listener& listener);
  /// Leaves it with one of those that stand in, or gives it to one. False: nobody can.
  [[nodiscard]] bool give_to_stand_in(Listener& listener);
  void give(Listener& listener, WorkerId worker);
  /// Takes it back from all that answer, but for its own slot's and `stays`.
  void take_back(Listener& listener, std::optional<WorkerId> stays);
  [[nodiscard]] static Holder* find_holder(Listener& listener, WorkerId worker);
  [[nodiscard]] Listener* find_by_cookie(uint64_t cookie);
  void forget_holder(WorkerId worker);
  [[nodiscard]] bool may_keep_another(uint32_t slot) const;
  /// Somebody may yet serve it: a worker of that address that neither leaves nor answers.
  [[nodiscard]] bool may_be_served(const Listener& listener) const;

  Context& context_;
  absl::btree_map<WorkerId, Server> servers_;  ///< All admitted workers.
  absl::btree_map<ListenerId, Listener> listeners_;
};

}  // namespace daphnis::broker
