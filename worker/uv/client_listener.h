#pragma once

#include <functional>
#include <memory>

#include "common/core/result.h"
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
  [[nodiscard]] static Result<std::unique_ptr<ClientListener>> create(
      daphnis::uv::Loop& loop, const daphnis::uv::Address& address,
      std::function<void(daphnis::uv::UniqueFd)> on_client);

  /// Takes in what already waits; for use before closing.
  void accept_waiting();
  /// Clients turned away for want of descriptors.
  [[nodiscard]] uint64_t turned_away() const { return turned_away_; }

 private:
  ClientListener(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd,
                 std::function<void(daphnis::uv::UniqueFd)> on_client);

  void on_ready();
  /// False: nobody waits, or nobody can be taken.
  [[nodiscard]] bool accept_one();
  void turn_one_away();

  std::function<void(daphnis::uv::UniqueFd)> on_client_;
  daphnis::uv::Poll poll_;
  daphnis::uv::Timer rest_;  ///< No polling until it fires.
  daphnis::uv::UniqueFd reserve_;
  uint64_t turned_away_ = 0;
};

}  // namespace daphnis::worker::uv
