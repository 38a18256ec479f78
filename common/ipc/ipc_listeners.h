#pragma once

#include <cstdint>
#include <string>

/// The messages by which the sockets that clients connect to outlive the workers that bound them
/// (docs/ipc.md): the broker keeps a copy of each, so that connections waiting in a socket's queue
/// are accepted by the next worker of that number, or by another one meanwhile. Part of
/// ipc_messages.h.
namespace daphnis::ipc {

// --- Worker to broker ---

/// Announces a socket that the worker accepts clients on; it travels with this frame. The broker
/// replies ListenerKept where it keeps a copy, which it does only within its bounds.
struct Listening {
  uint32_t slot = 0;    ///< The --index of the worker that the socket belongs to.
  uint64_t cookie = 0;  ///< SO_COOKIE of the socket.
  /// The address it is bound to, "host:port". Behind "tls:" or "proxy:" what comes there begins
  /// with a handshake or a PROXY header. The broker only compares it.
  std::string address;
  static void fields(auto& m, auto&& f) { f(m.slot, m.cookie, m.address); }
};

/// Asks for the sockets that the broker keeps for the worker's own index and this address. The
/// broker replies with a ListenerGiven for each, and then ListenersGiven. From now on the broker
/// may also give this worker sockets of workers that do not serve theirs. A worker asks once for
/// each address, and gets the replies in the same sequence.
struct ListenersWanted {
  std::string address;
  static void fields(auto& m, auto&& f) { f(m.address); }
};

/// Replies to ListenerGiven.
struct ListenerTaken {
  uint64_t listener_id = 0;
  bool is_taken = false;  ///< False: the socket did not arrive.
  static void fields(auto& m, auto&& f) { f(m.listener_id, m.is_taken); }
};

/// The worker takes no more listeners, closes those that the broker keeps a copy of, finishes the
/// requests under way and ends. The end of its connection is then expected.
struct Leaving {
  static void fields(auto& /*m*/, auto&& f) { f(); }
};

// --- Broker to worker ---

/// Accept clients on this socket, which travels with the frame, until ListenerRelease.
struct ListenerGiven {
  uint64_t listener_id = 0;
  uint32_t slot = 0;
  uint64_t cookie = 0;
  std::string address = {};  ///< As in Listening.
  static void fields(auto& m, auto&& f) {
    f(m.listener_id, m.slot, m.cookie);
    f.since(7, m.address);
  }
};

/// Ends the reply to ListenersWanted. A worker that was given no socket binds one itself.
struct ListenersGiven {
  static void fields(auto& /*m*/, auto&& f) { f(); }
};

/// The broker keeps a copy of that socket: when the worker closes it, no waiting client is lost.
struct ListenerKept {
  uint64_t listener_id = 0;
  uint64_t cookie = 0;
  static void fields(auto& m, auto&& f) { f(m.listener_id, m.cookie); }
};

/// Tells the worker to close that socket, since another worker accepts on it.
struct ListenerRelease {
  uint64_t listener_id = 0;
  static void fields(auto& m, auto&& f) { f(m.listener_id); }
};

}  // namespace daphnis::ipc
