#pragma once

#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"

namespace daphnis::worker::uv {

/// Accepts clients on the port that all workers share. It keeps one descriptor in reserve: when
/// none is left, the reserve is closed for a moment, so that the waiting client can be accepted and
/// closed. Otherwise the listener would stay readable and the loop would spin. Owned by the Shell;
/// destruction closes it.
class ClientListener {
 public:
  /// Makes a listening socket on the port that all workers share. Errors: as listen_tcp().
  [[nodiscard]] static Result<daphnis::uv::UniqueFd> bind(const daphnis::uv::Address& address);

  /// Takes a listening socket, which another process may share.
  ClientListener(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd,
                 std::function<void(daphnis::uv::UniqueFd)> on_client);

  /// Accepts the clients that wait already; for use before closing.
  void accept_waiting();
  [[nodiscard]] int fd() const { return poll_.fd(); }

 private:
  void on_ready();
  /// Accepts one client. False where none waits, or none can be accepted.
  [[nodiscard]] bool accept_one();
  void turn_one_away();

  std::function<void(daphnis::uv::UniqueFd)> on_client_;
  daphnis::uv::Poll poll_;
  daphnis::uv::Timer rest_;  ///< Accepts nothing until it fires.
  daphnis::uv::UniqueFd reserve_;
};

}  // namespace daphnis::worker::uv
