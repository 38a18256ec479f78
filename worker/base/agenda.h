#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <queue>
#include <variant>
#include <vector>

#include "worker/base/ids.h"

namespace daphnis::worker {

class Connection;

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

/// The list of connections whose driver must look at them, and the times at which connections and
/// fetches are to be called. Owned by the Worker. Times are milliseconds of any monotonic clock.
class Agenda {
 public:
  using Callee = std::variant<ConnectionId, FetchId>;

  /// Puts the connection on the list of those whose driver must look at it.
  void wake(Connection& connection);
  /// Returns the list, oldest entry first, and leaves it empty.
  [[nodiscard]] std::vector<Connection*> take_woken();
  /// Takes the connection off the list; its destructor calls this.
  void forget(Connection& connection);

  /// Asks for one call of `callee` at `at_ms`. A call cannot be taken back: a callee that is called
  /// too early asks again for all that it waits for, and the id of a dead one is not found.
  void call_at(Callee callee, uint64_t at_ms) { calls_.push({at_ms, callee}); }
  /// The time of the earliest call; kNever where none is asked for.
  [[nodiscard]] uint64_t next_call_ms() const { return calls_.empty() ? kNever : calls_.top().at; }
  struct Call {
    uint64_t at;
    Callee callee;
    // The earliest call is on top.
    bool operator<(const Call& other) const { return at > other.at; }
  };
  /// Takes one call whose time has come; nothing where none has.
  [[nodiscard]] std::optional<Call> take_due(uint64_t now_ms);
  /// To be asked before a connection's on_time(), with the time of the call: the connection may ask
  /// for a call again from then on. False where on_time() must not be called, since the connection
  /// has asked for an earlier call, which came: each such call would ask for the next again, so
  /// that they would multiply.
  [[nodiscard]] static bool take_call(Connection& connection, uint64_t at_ms);

 private:
  std::vector<Connection*> woken_;
  std::priority_queue<Call> calls_;
};

}  // namespace daphnis::worker
