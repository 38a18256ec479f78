#include "tests/sim/edge/ledger.h"

#include <algorithm>

namespace daphnis::sim {

void Ledger::expect(bool holds, const char* what, uint64_t fetch_id) {
  if (!holds) scene_.fail(fmt::format("{}, fetch {}: {}", who_, fetch_id, what));
}

void Ledger::sent(const ipc::Fetch& message) {
  const auto [asked, is_new] = fetches_.try_emplace(message.fetch_id);
  expect(is_new || asked->second.state == State::kReferred, "asked for twice", message.fetch_id);
  asked->second.state = State::kAsked;
  asked->second.key = message.key;
  if (to_lead_.erase(message.key) > 0) {
    asked->second.is_broken = true;
    if (message.resume.skip > 0) ++scene_.tally.heirs_with_skip;
  }
  if (is_new) asked->second.since_ms = scene_.clock.now_ms();
}

void Ledger::sent(const ipc::FetchProgress& message) {
  const auto found = fetches_.find(message.fetch_id);
  if (found == fetches_.end()) return;
  found->second.shows_spool = message.state == ipc::JoinState::kGoing && message.bytes > 0;
}

std::optional<uint64_t> Ledger::leads_for_ms() const {
  std::optional<uint64_t> longest_ms;
  for (const auto& [id, asked] : fetches_) {
    if (asked.state != State::kAsked || !asked.shows_spool) continue;
    longest_ms = std::max(longest_ms.value_or(0), scene_.clock.now_ms() - asked.since_ms);
  }
  return longest_ms;
}

void Ledger::sent(const ipc::CancelFetch& message) {
  ++scene_.tally.cancels;
  const auto found = fetches_.find(message.fetch_id);
  // The broker never heard of a fetch that began while it was away.
  if (found == fetches_.end()) return;
  expect(found->second.state != State::kEnded, "cancelled after its end", message.fetch_id);
  found->second.state = State::kEnded;
}

void Ledger::received(const ipc::FetchFailed& message) {
  const auto found = fetches_.find(message.fetch_id);
  expect(found != fetches_.end(), "refused without having been asked for", message.fetch_id);
  // The message may have crossed with the worker's cancel.
  if (found == fetches_.end() || found->second.state == State::kEnded) return;
  // A fetch that has begun asks again where the broker has no L2 just now.
  const bool may_pass = message.reason == Outcome::kNoL2;
  found->second.state = may_pass ? State::kReferred : State::kEnded;
  for (const auto& [id, attempt] : attempts_) {
    expect(attempt.fetch_id != message.fetch_id, "refused while an attempt is handed off",
           message.fetch_id);
  }
}

void Ledger::received(const ipc::JoinProgress& message) {
  const auto found = fetches_.find(message.fetch_id);
  expect(found != fetches_.end(), "referred without having been asked for", message.fetch_id);
  if (found == fetches_.end() || found->second.state == State::kEnded) return;
  Asked& asked = found->second;
  expect(asked.state == State::kAsked, "referred after its end", message.fetch_id);
  using ipc::JoinState;
  if (message.state == JoinState::kGoing && message.bytes > 0) asked.reads_along = true;
  if (message.state == JoinState::kFailed && asked.reads_along) {
    ++scene_.tally.joins_broken;
    asked.is_broken = true;
  }
  if (message.state == JoinState::kLead && asked.is_broken) to_lead_.insert(asked.key);
  const bool is_last = message.state == JoinState::kWhole || message.state == JoinState::kCached ||
                       message.state == JoinState::kLead;
  if (is_last) asked.state = State::kReferred;
}

void Ledger::received(const ipc::PlaceWanted&) {
  ++scene_.tally.places_wanted;
}

void Ledger::received(const ipc::Handoff& message) {
  ++scene_.tally.handoffs;
  const auto found = fetches_.find(message.fetch_id);
  expect(found != fetches_.end(), "handed to without having asked", message.fetch_id);
  if (found != fetches_.end() && found->second.is_broken) ++scene_.tally.joins_went_on;
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
  expect(found->second.fetch_id == message.fetch_id, "an attempt changed its fetch",
         message.fetch_id);
  attempts_.erase(found);
  Asked& asked = fetches_[message.fetch_id];
  State& state = asked.state;
  if (message.outcome == Outcome::kComplete && asked.is_partial) ++scene_.tally.carried_on;
  asked.is_partial |= message.wants_another && message.blocks_proven > 0;
  expect(!message.wants_another || state == State::kAsked, "goes on after its end",
         message.fetch_id);
  expect(!message.wants_another || message.outcome != Outcome::kComplete,
         "goes on after a complete answer", message.fetch_id);
  // The fetch may go on in another stream of it.
  const bool goes_on_beside = std::ranges::any_of(
      attempts_, [&](const auto& one) { return one.second.fetch_id == message.fetch_id; });
  if (!message.wants_another && !goes_on_beside) state = State::kEnded;
}

void Ledger::check_quiet() {
  for (const auto& [id, asked] : fetches_) {
    expect(asked.state != State::kAsked, "never ended", id);
  }
  for (const auto& [id, attempt] : attempts_) {
    expect(false, "has a hand-off that never ended", attempt.fetch_id);
  }
}

}  // namespace daphnis::sim
