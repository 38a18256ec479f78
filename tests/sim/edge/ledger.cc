#include "tests/sim/edge/ledger.h"

namespace daphnis::sim {

void Ledger::expect(bool holds, const char* what, uint64_t fetch_id) {
  if (!holds) scene_.fail(fmt::format("{}, fetch {}: {}", who_, fetch_id, what));
}

void Ledger::sent(const ipc::Fetch& message) {
  expect(fetches_.emplace(message.fetch_id, false).second, "asked for twice", message.fetch_id);
}

void Ledger::sent(const ipc::CancelFetch& message) {
  ++scene_.tally.cancels;
  const auto found = fetches_.find(message.fetch_id);
  // Where the broker was away as the fetch began, it never heard of it.
  if (found == fetches_.end()) return;
  expect(!found->second, "cancelled after its end", message.fetch_id);
  found->second = true;
}

void Ledger::received(const ipc::FetchFailed& message) {
  const auto found = fetches_.find(message.fetch_id);
  expect(found != fetches_.end(), "refused without having been asked for", message.fetch_id);
  if (found == fetches_.end() || found->second) return;  // It has crossed with our cancel.
  found->second = true;
  for (const auto& [id, attempt] : attempts_) {
    expect(attempt.fetch_id != message.fetch_id, "refused while an attempt is handed off",
           message.fetch_id);
  }
}

void Ledger::received(const ipc::Handoff& message) {
  ++scene_.tally.handoffs;
  expect(fetches_.contains(message.fetch_id), "handed to without having asked", message.fetch_id);
  const bool is_new = attempts_.emplace(message.attempt_id, Handed{message.fetch_id}).second;
  expect(is_new, "the same attempt was handed off twice", message.fetch_id);
}

void Ledger::sent(const ipc::HandoffTaken& message) {
  const auto found = attempts_.find(message.attempt_id);
  if (found == attempts_.end()) return scene_.fail(who_ + " took a hand-off that never came");
  expect(!found->second.is_taken, "a hand-off was taken twice", found->second.fetch_id);
  found->second.is_taken = true;
}

void Ledger::sent(const ipc::AttemptEnded& message) {
  ++scene_.tally.outcomes[static_cast<size_t>(message.outcome)];
  const auto found = attempts_.find(message.attempt_id);
  if (found == attempts_.end()) return scene_.fail(who_ + " ended an attempt that is not its own");
  expect(found->second.is_taken, "an attempt ended that was not taken", message.fetch_id);
  expect(found->second.fetch_id == message.fetch_id, "an attempt changed its fetch",
         message.fetch_id);
  attempts_.erase(found);
  bool& has_ended = fetches_[message.fetch_id];
  expect(!message.wants_another || !has_ended, "goes on after its end", message.fetch_id);
  expect(!message.wants_another || message.outcome != ipc::AttemptOutcome::kComplete,
         "goes on after a complete answer", message.fetch_id);
  if (!message.wants_another) has_ended = true;
}

void Ledger::check_quiet() {
  for (const auto& [id, has_ended] : fetches_) expect(has_ended, "never ended", id);
  for (const auto& [id, attempt] : attempts_) {
    expect(false, "has a hand-off that never ended", attempt.fetch_id);
  }
}

}  // namespace daphnis::sim
