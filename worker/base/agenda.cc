#include "worker/base/agenda.h"

#include <algorithm>
#include <utility>

#include "worker/base/connection.h"

namespace daphnis::worker {

void Agenda::wake(Connection& connection) {
  if (std::exchange(connection.is_woken_, true)) return;
  woken_.push_back(&connection);
}

std::vector<Connection*> Agenda::take_woken() {
  for (Connection* connection : woken_) connection->is_woken_ = false;
  return std::exchange(woken_, {});
}

void Agenda::forget(Connection& connection) {
  if (connection.is_woken_) std::erase(woken_, &connection);
}

std::optional<Agenda::Call> Agenda::take_due(uint64_t now_ms) {
  if (calls_.empty() || calls_.top().at > now_ms) return std::nullopt;
  const Call call = calls_.top();
  calls_.pop();
  return call;
}

bool Agenda::take_call(Connection& connection, uint64_t at_ms) {
  if (connection.called_at_ != at_ms) return false;
  connection.called_at_ = kNever;
  return true;
}

}  // namespace daphnis::worker
