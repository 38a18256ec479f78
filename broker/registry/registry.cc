#include "broker/registry/registry.h"

#include <absl/strings/string_view.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {

std::expected<Registry::Admission, Registry::Refusal> Registry::admit(Registration registration,
                                                                      std::unique_ptr<L2Line> line,
                                                                      const std::string& address,
                                                                      uint64_t now_ms) {
  if (settings_.registrations_per_s != 0 && !rate_.has_token(now_ms)) {
    return std::unexpected(Refusal::kTooMany);
  }
  if (L2* old = find(registration.l2_id)) {
    const bool is_owner = registration.is_proven();
    if (old->is_proven() && !is_owner) return std::unexpected(Refusal::kNotOwner);
    const bool is_too_soon =
        old->replaced_ms != 0 && now_ms - old->replaced_ms < settings_.replace_every_ms;
    const bool ousts = is_owner && !old->is_proven();
    if (is_too_soon && !ousts) return std::unexpected(Refusal::kTooSoon);
    const bool is_elsewhere = old->address != address && !is_owner;
    const bool is_in_use = is_elsewhere && !old->is_silent(now_ms, settings_);
    if (is_in_use && settings_.keep_id == RuleMode::kOn) return std::unexpected(Refusal::kInUse);
    const Network network = network_of(address);
    if (network != old->network && is_full(network)) return std::unexpected(Refusal::kAddressFull);
    rate_.take(0, now_ms);
    leave_address(*old);
    Admission taken{.l2 = old,
                    .replaced = std::exchange(old->line, std::move(line)),
                    .former_address = old->address,
                    .former_ms = now_ms - old->registered_ms};
    const bool is_again =
        old->replaced_ms != 0 && now_ms - old->replaced_ms < limits::kIdContestedMs;
    taken.is_contested = is_again || is_elsewhere || ousts;
    taken.was_in_use = is_in_use;
    enter_address(*old, address);
    old->registration = std::move(registration);
    old->registered_ms = now_ms;
    old->replaced_ms = now_ms;
    ++old->session;
    return taken;
  }
  if (l2s_.size() >= settings_.l2s_max) return std::unexpected(Refusal::kFull);
  if (is_full(network_of(address))) return std::unexpected(Refusal::kAddressFull);
  rate_.take(0, now_ms);
  auto made = std::make_unique<L2>();
  L2* l2 = made.get();
  l2->no = L2No{++last_no_};
  l2->registration = std::move(registration);
  l2->line = std::move(line);
  l2->registered_ms = now_ms;
  left_.give_back(*l2, now_ms);
  by_id_.emplace(l2->id(), l2->no);
  enter_address(*l2, address);
  l2s_.emplace(l2->no, std::move(made));
  return Admission{.l2 = l2};
}

void Registry::remove(L2No no, uint64_t now_ms) {
  const auto found = l2s_.find(no);
  check(found != l2s_.end(), "an unknown L2 was removed");
  leave_address(*found->second);
  left_.keep(*found->second, now_ms);
  by_id_.erase(found->second->id());
  l2s_.erase(found);
}

bool Registry::is_full(Network network) const {
  const auto found = per_network_.find(network);
  return settings_.l2s_per_address != 0 && found != per_network_.end() &&
         found->second >= settings_.l2s_per_address;
}

void Registry::enter_address(L2& l2, const std::string& address) {
  l2.address = address;
  l2.network = network_of(address);
  by_address_[address].push_back(l2.no);
  ++per_network_[l2.network];
}

void Registry::leave_address(const L2& l2) {
  const auto network = per_network_.find(l2.network);
  check(network != per_network_.end(), "an L2 has no network");
  if (--network->second == 0) per_network_.erase(network);
  const auto found = by_address_.find(l2.address);
  check(found != by_address_.end(), "an L2 has no address");
  std::erase(found->second, l2.no);
  if (found->second.empty()) by_address_.erase(found);
}

L2* Registry::find(L2No no) {
  const auto found = l2s_.find(no);
  return found == l2s_.end() ? nullptr : found->second.get();
}

const L2* Registry::find(L2No no) const {
  const auto found = l2s_.find(no);
  return found == l2s_.end() ? nullptr : found->second.get();
}

L2* Registry::find(std::string_view id) {
  // The string_view of Debian's Abseil is a type of its own.
  const auto found = by_id_.find(absl::string_view(id.data(), id.size()));
  return found == by_id_.end() ? nullptr : find(found->second);
}

const std::vector<L2No>& Registry::at_address(const std::string& address) const {
  static const std::vector<L2No> kNobody;
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? kNobody : found->second;
}

}  // namespace daphnis::broker
