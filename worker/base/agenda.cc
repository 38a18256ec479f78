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

std::optional<Agenda::Callee> Agenda::take_due(uint64_t now_ms) {
  if (calls_.empty() || calls_.top().at > now_ms) return std::nullopt;
  const Callee callee = calls_.top().callee;
  calls_.pop();
  return callee;
}

void Agenda::reset_call(Connection& connection) {
  connection.called_at_ = kNever;
}

}  // namespace daphnis::worker
