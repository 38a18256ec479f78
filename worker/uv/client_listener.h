#pragma once

#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"

namespace daphnis::worker::uv {

/// Accepts clients on the port that all workers share. Keeps one descriptor in reserve: when none
/// is left, it is given up for a moment to take the waiting client in and turn it away, since a
/// listener that stays readable would otherwise spin. Owned by the process's shell; closing is
/// destruction.
class ClientListener {
 public:
  /// A listening socket on the port that all workers share. Errors: as listen_tcp().
  [[nodiscard]] static Result<daphnis::uv::UniqueFd> bind(const daphnis::uv::Address& address);

  /// Takes a listening socket, its own or another process's as well.
  ClientListener(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd,
                 std::function<void(daphnis::uv::UniqueFd)> on_client);

  /// Takes in what already waits; for use before closing.
  void accept_waiting();
  [[nodiscard]] int fd() const { return poll_.fd(); }

 private:
  void on_ready();
  /// False: nobody waits, or nobody can be taken.
  [[nodiscard]] bool accept_one();
  void turn_one_away();

  std::function<void(daphnis::uv::UniqueFd)> on_client_;
  daphnis::uv::Poll poll_;
  daphnis::uv::Timer rest_;  ///< No polling until it fires.
  daphnis::uv::UniqueFd reserve_;
};

}  // namespace daphnis::worker::uv
