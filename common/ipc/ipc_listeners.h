#pragma once

#include <cstdint>
#include <string>

/// How the sockets on which clients come in outlive the workers that bound them (docs/ipc.md): the
/// broker holds a copy of each, so that what waits in a socket's queue is accepted by the next
/// worker of that number, or by another one meanwhile. Part of ipc_messages.h.
namespace daphnis::ipc {

// --- Worker to broker ---

/// A socket that the worker accepts clients on; it travels with this frame. Answered by
/// ListenerKept where the broker keeps a copy, which it does not beyond its bounds.
struct Listening {
  uint32_t slot = 0;    ///< The --index of the worker whose share of the port it is.
  uint64_t cookie = 0;  ///< SO_COOKIE of the socket.
  std::string address;  ///< What it is bound to, as the worker was told: "host:port".
  static void fields(auto& m, auto&& f) { f(m.slot, m.cookie, m.address); }
};

/// Asks for what the broker keeps for the worker's own index and this address. Answered by a
/// ListenerGiven for each, and then ListenersGiven. From now on the worker may also be given those
/// of others that do not serve theirs.
struct ListenersWanted {
  std::string address;
  static void fields(auto& m, auto&& f) { f(m.address); }
};

/// Answers ListenerGiven.
struct ListenerTaken {
  uint64_t listener_id = 0;
  bool is_taken = false;  ///< False: the socket did not arrive.
  static void fields(auto& m, auto&& f) { f(m.listener_id, m.is_taken); }
};

/// The worker takes no more listeners, closes those that the broker keeps, finishes what is under
/// way and goes. The end of its connection is then no loss.
struct Leaving {
  static void fields(auto& /*m*/, auto&& f) { f(); }
};

// --- Broker to worker ---

/// Accept clients on this socket, which travels with the frame, until ListenerRelease.
struct ListenerGiven {
  uint64_t listener_id = 0;
  uint32_t slot = 0;
  uint64_t cookie = 0;
  static void fields(auto& m, auto&& f) { f(m.listener_id, m.slot, m.cookie); }
};

/// That was all the broker keeps for the worker's index; where it was nothing, the worker binds.
struct ListenersGiven {
  static void fields(auto& /*m*/, auto&& f) { f(); }
};

/// The broker keeps a copy of that socket: closing it loses nobody.
struct ListenerKept {
  uint64_t listener_id = 0;
  uint64_t cookie = 0;
  static void fields(auto& m, auto&& f) { f(m.listener_id, m.cookie); }
};

/// Close that socket: others accept on it.
struct ListenerRelease {
  uint64_t listener_id = 0;
  static void fields(auto& m, auto&& f) { f(m.listener_id); }
};

}  // namespace daphnis::ipc
