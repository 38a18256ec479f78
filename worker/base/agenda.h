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

/// Which connections want their shell's attention, and who wants to be told the time when. Owned by
/// the Worker. Times are milliseconds of any monotonic clock.
class Agenda {
 public:
  using Callee = std::variant<ConnectionId, FetchId>;

  /// Puts the connection on the list of those whose shell must look at it.
  void wake(Connection& connection);
  /// Moves that list out.
  [[nodiscard]] std::vector<Connection*> take_woken();
  /// Takes it off the list; called as it dies.
  void forget(Connection& connection);

  /// Asks that `id` (a connection or a fetch) be called at `at_ms`. Entries are never taken back:
  /// who is called early asks again, and who is gone is not found.
  void call_at(Callee callee, uint64_t at_ms) { calls_.push({at_ms, callee}); }
  /// When the next call is due; kNever where there is none.
  [[nodiscard]] uint64_t next_call_ms() const { return calls_.empty() ? kNever : calls_.top().at; }
  /// The next id whose time has come.
  [[nodiscard]] std::optional<Callee> take_due(uint64_t now_ms);
  /// To be called before a connection's on_time(): from here on it may ask again.
  static void reset_call(Connection& connection);

 private:
  struct Call {
    uint64_t at;
    Callee callee;
    bool operator<(const Call& other) const { return at > other.at; }  // The earliest on top.
  };

  std::vector<Connection*> woken_;
  std::priority_queue<Call> calls_;
};

}  // namespace daphnis::worker
