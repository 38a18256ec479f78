#include "broker/registry/registrations.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {

std::expected<Registry::Admission, Registry::Refusal> Registrations::open(
    Registration registration, std::unique_ptr<L2Line> line, const std::string& address,
    uint64_t now_ms) {
  auto admitted = registry_.admit(std::move(registration), std::move(line), address, now_ms);
  if (!admitted) {
    const bool is_in_use = admitted.error() == Registry::Refusal::kInUse ||
                           admitted.error() == Registry::Refusal::kNotOwner;
    context_.counters.takeovers_refused += is_in_use ? 1 : 0;
    const bool is_shed = admitted.error() == Registry::Refusal::kTooMany;
    context_.counters.registrations_shed += is_shed ? 1 : 0;
    return admitted;
  }
  const bool is_observed = context_.settings.keep_id == RuleMode::kObserve;
  context_.counters.takeovers_observed += is_observed && admitted->was_in_use ? 1 : 0;
  L2& l2 = *admitted->l2;
  if (l2.health) health_.close(*l2.health);
  l2.health = &health_.open(l2.id(), l2.address,
                            l2.is_proven() ? HealthOf::kProvenId : HealthOf::kIdAtAddress);
  if (l2.strangers) strangers_.leave(l2);
  strangers_.enter(l2);
  note_arrival(l2);
  l2.unsent_bytes = l2.over_since_ms = 0;
  l2.is_accused = false;
  if (admitted->replaced) {
    ++context_.counters.replacements;
    claims_.forget(l2.no);  // The L2 announces its roots anew.
    l2.is_complete = l2.is_announcement_cut = false;
  } else {
    ring_.add(l2.id(), l2.no, l2.weight);
  }
  ++context_.counters.registrations;
  const bool is_exempt = context_.auth.mode() == L2AuthMode::kToken && !l2.is_proven();
  context_.counters.registrations_exempt += is_exempt ? 1 : 0;
  l2.session_key = context_.random();
  count_unsent(l2, l2.line->begin(l2.session_key), now_ms);
  renew_token(l2, now_ms);
  arm(l2, now_ms + context_.settings.heartbeat_ms);
  log_admission(*admitted);
  return admitted;
}

void Registrations::log_admission(const Registry::Admission& admission) {
  const L2& l2 = *admission.l2;
  LogLine text(admission.replaced ? "l2_replaced" : "l2_registered");
  text.add("l2", l2.id()).add("address", l2.address);
  text.add("generation", generation_name(l2.capabilities()));
  text.add("capacity", l2.registration.capacity);
  if (context_.auth.mode() == L2AuthMode::kToken) text.add("proven", l2.is_proven() ? "yes" : "no");
  text.add("l2s", registry_.size());
  if (admission.replaced) {
    text.add("former_address", admission.former_address).add("former_ms", admission.former_ms);
  }
  if (admission.is_contested) text.add("advice", "two nodes use this id: give each its own");
  context_.out.log(admission.is_contested ? LogLevel::kWarn : LogLevel::kInfo, std::move(text));
}

std::unique_ptr<L2Line> Registrations::remove(L2& l2, std::string_view why, uint64_t now_ms) {
  ++context_.counters.losses;
  context_.out.log(LogLevel::kInfo, LogLine("l2_lost")
                                        .add("l2", l2.id())
                                        .add("reason", why)
                                        .add("registered_ms", now_ms - l2.registered_ms)
                                        .add("l2s", registry_.size() - 1));
  context_.timers.clear(l2.heartbeat, TimerKind::kL2, static_cast<uint64_t>(l2.no));
  context_.timers.clear(l2.wanted_timer, TimerKind::kPlacesWanted, static_cast<uint64_t>(l2.no));
  forget_given_up(l2);
  ring_.remove(l2.id(), l2.no);
  claims_.forget(l2.no);
  strangers_.leave(l2);
  health_.close(*l2.health);
  std::unique_ptr<L2Line> line = std::move(l2.line);
  registry_.remove(l2.no, now_ms);
  return line;
}

std::vector<L2*> Registrations::take_readmitted() {
  std::vector<L2*> l2s;
  for (const HealthNo no : health_.take_readmitted()) {
    const Health* health = health_.healths().find(no);
    L2* l2 = health ? registry_.find(health->id()) : nullptr;
    if (!l2 || l2->health != health) continue;
    note_arrival(*l2);
    l2s.push_back(l2);
  }
  return l2s;
}

void Registrations::set_weight(L2& l2, double weight) {
  // A weight that is no number counts as the least.
  l2.weight = weight >= kL2WeightMin ? std::min(weight, kL2WeightMax) : kL2WeightMin;
  ring_.set_weight(l2.id(), l2.no, l2.weight);
}

void Registrations::order(L2& l2, const Order& order, uint64_t now_ms) {
  if (!l2.is_given_up) count_unsent(l2, l2.line->order(order), now_ms);
}

void Registrations::cancel(L2& l2, const Uuid& attempt_id, uint64_t now_ms) {
  if (!l2.is_given_up) count_unsent(l2, l2.line->cancel(attempt_id), now_ms);
}

void Registrations::tell_ejected(L2& l2, const Ejection& ejection, uint64_t now_ms) {
  if (!l2.is_given_up) count_unsent(l2, l2.line->notice(ejection), now_ms);
}

void Registrations::tell_contested(L2& l2, std::string_view reason, uint64_t now_ms) {
  if (!l2.is_given_up) count_unsent(l2, l2.line->contested(reason), now_ms);
}

void Registrations::renew_token(L2& l2, uint64_t now_ms) {
  std::optional<ShownToken>& token = l2.registration.token;
  if (!token || l2.is_given_up || !speaks_v2(l2.capabilities())) return;
  const uint64_t now_s = context_.wall_s(now_ms);
  if (!context_.auth.wants_successor(*token, now_s)) return;
  ++context_.counters.tokens_renewed;
  count_unsent(l2, l2.line->token(context_.auth.succeed(l2.id(), *token, now_s)), now_ms);
}

void Registrations::count_unsent(L2& l2, size_t bytes, uint64_t now_ms) {
  if (bytes == 0) return;
  if (l2.unsent_bytes == 0) l2.taken_ms = now_ms;
  l2.unsent_bytes += bytes;
  if (l2.over_since_ms == 0 && l2.unsent_bytes >= l2.unsent_bytes_max()) l2.over_since_ms = now_ms;
}

void Registrations::on_unsent(L2& l2, size_t unsent_bytes, uint64_t now_ms) {
  if (unsent_bytes < l2.unsent_bytes) l2.taken_ms = now_ms;
  l2.unsent_bytes = unsent_bytes;
  // Half the bound must be free before it counts: an L2 that only takes an order now and then is of
  // no use.
  if (unsent_bytes < l2.unsent_bytes_max() / 2) l2.over_since_ms = 0;
}

bool Registrations::is_stuck(const L2& l2, uint64_t now_ms) const {
  const uint64_t patience_ms = context_.settings.l2_stuck_ms;
  return (l2.unsent_bytes > 0 && now_ms - l2.taken_ms >= patience_ms) ||
         (l2.over_since_ms != 0 && now_ms - l2.over_since_ms >= patience_ms);
}

void Registrations::on_timer(L2No no, uint64_t now_ms) {
  L2* l2 = registry_.find(no);
  if (!l2) return;
  Timers::fired(l2->heartbeat);
  if (!is_stuck(*l2, now_ms)) {
    l2->is_accused = false;
    count_unsent(*l2, l2->line->heartbeat(), now_ms);
    renew_token(*l2, now_ms);
    arm(*l2, now_ms + context_.settings.heartbeat_ms);
  } else if (!std::exchange(l2->is_accused, true)) {
    // After a pause of this process the clock would accuse every L2 before its socket was polled,
    // so an L2 is given up only at the second timer.
    arm(*l2, now_ms + limits::kL2BehindMs);
  } else if (!std::exchange(l2->is_given_up, true)) {
    ++context_.counters.drops_stuck;
    given_up_.push_back(no);
  }
}

void Registrations::give_up(L2& l2, const Uuid& attempt_id, uint64_t ordered_ms, uint64_t now_ms,
                            const Wait& wait) {
  ++context_.counters.orders_given_up;
  l2.places.give_up(attempt_id, ordered_ms, now_ms, wait);
  orders_given_up_.emplace(attempt_id, l2.no);
  arm_places(l2);
}

L2* Registrations::settle(const Uuid& attempt_id, Answer answer, uint64_t now_ms) {
  const auto found = orders_given_up_.find(attempt_id);
  if (found == orders_given_up_.end()) return nullptr;
  L2* l2 = registry_.find(found->second);
  const auto settled = l2 ? l2->places.settle(attempt_id, now_ms) : std::nullopt;
  check(settled.has_value(), "an order given up is at no L2");
  if (answer == Answer::kPost && settled->wait.counted_ms > 0) {
    health_.correct_first_byte(l2->health->no(), settled->wait.counted_ms,
                               now_ms - settled->ordered_ms, now_ms);
  }
  if (answer == Answer::kPost && settled->wait.has_broken_claim) {
    claims_.mend(*l2, settled->wait.root_key, now_ms);
  }
  orders_given_up_.erase(found);
  strangers_.update(*l2);
  arm_places(*l2);
  return l2;
}

L2* Registrations::on_places_timer(L2No no, uint64_t now_ms) {
  L2* l2 = registry_.find(no);
  if (!l2) return nullptr;
  Timers::fired(l2->places_timer);
  while (const auto order = l2->places.expire(now_ms)) {
    ++context_.counters.places_expired;
    orders_given_up_.erase(order->attempt);
    if (order->wait.is_late) count_silence(*l2, *order, now_ms);
  }
  strangers_.update(*l2);
  arm_places(*l2);
  return l2;
}

void Registrations::count_silence(L2& l2, const Places::GivenUp& order, uint64_t now_ms) {
  const OrderEnd end{.how = OrderEnd::How::kSilent, .ordered_ms = order.ordered_ms};
  claims_.fail(l2, order.wait.root_key, now_ms);
  const auto ejection = health_.add_end(l2.health->no(), end, now_ms);
  if (ejection) tell_ejected(l2, *ejection, now_ms);
}

void Registrations::forget_given_up(L2& l2) {
  for (const Uuid& attempt : l2.places.forget_given_up()) orders_given_up_.erase(attempt);
  strangers_.update(l2);
  arm_places(l2);
}

void Registrations::arm_places(L2& l2) {
  const auto id = static_cast<uint64_t>(l2.no);
  if (const auto at_ms = l2.places.expires_at_ms()) {
    context_.timers.set(l2.places_timer, TimerKind::kPlaces, id, *at_ms);
  } else {
    context_.timers.clear(l2.places_timer, TimerKind::kPlaces, id);
  }
}

void Registrations::arm(L2& l2, uint64_t at_ms) {
  context_.timers.set(l2.heartbeat, TimerKind::kL2, static_cast<uint64_t>(l2.no), at_ms);
}

}  // namespace daphnis::broker
