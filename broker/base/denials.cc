#include "broker/base/denials.h"

#include <utility>

namespace daphnis::broker {

void Denials::set(DenylistInForce list) {
  list_ = std::move(list);
  keys_.clear();
  keys_by_age_.clear();
  logged_ms_.clear();
}

void Denials::remember(const RequestKey& key, const ipc::DeniedBy& by) {
  if (by.denylist_id != id() || !keys_.emplace(key, by).second) return;
  keys_by_age_.push_back(key);
  if (keys_by_age_.size() <= kDeniedKeysMax) return;
  keys_.erase(keys_by_age_.front());
  keys_by_age_.pop_front();
}

std::optional<ipc::DeniedBy> Denials::find(const RequestKey& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LogLine> Denials::note(const ipc::DeniedBy& by, const Cid& root, uint64_t now_ms) {
  if (by.denylist_id != id()) return std::nullopt;
  const auto [logged, is_new] = logged_ms_.emplace(by.rule, now_ms);
  if (!is_new && now_ms < logged->second + kDeniedLogMs) return std::nullopt;
  if (logged_ms_.size() > kDeniedRulesMax) logged_ms_.clear();
  logged_ms_[by.rule] = now_ms;
  const Outcome outcome = outcome_of(denial_of(by));
  return LogLine("content_denied")
      .add("rule", place_of(by.rule))
      .add("status", row_of(outcome).client.status)
      .add("root", root.text());
}

std::string Denials::place_of(uint32_t rule) const {
  const DenylistInForce::File* holder = nullptr;
  for (const DenylistInForce::File& file : list_.files) {
    if (file.lines_before < rule) holder = &file;
  }
  return holder ? holder->name + ":" + std::to_string(rule - holder->lines_before) : "";
}

}  // namespace daphnis::broker
