#include "broker/health/root_bans.h"

namespace daphnis::broker {

void RootBans::add(HealthNo l2, uint64_t root, uint64_t now_ms) {
  while (!by_age_.empty() && until_ms_.at(by_age_.front()) <= now_ms) drop_oldest();
  if (until_ms_.contains(Ban{l2, root})) return;
  if (by_age_.size() >= kRootBansMax) drop_oldest();
  until_ms_.emplace(Ban{l2, root}, now_ms + ban_ms_);
  by_age_.emplace_back(l2, root);
}

void RootBans::drop_oldest() {
  until_ms_.erase(by_age_.front());
  by_age_.pop_front();
}

void RootBans::remove(HealthNo l2, uint64_t root) {
  if (until_ms_.erase(Ban{l2, root}) > 0) std::erase(by_age_, Ban{l2, root});
}

void RootBans::remove_all(HealthNo l2) {
  std::erase_if(by_age_,
                [&](const Ban& ban) { return ban.first == l2 && until_ms_.erase(ban) > 0; });
}

void RootBans::remove_since(uint64_t since_ms) {
  while (!by_age_.empty() && until_ms_.at(by_age_.back()) >= since_ms + ban_ms_) {
    until_ms_.erase(by_age_.back());
    by_age_.pop_back();
  }
}

bool RootBans::has(HealthNo l2, uint64_t root, uint64_t now_ms) const {
  const auto found = until_ms_.find(Ban{l2, root});
  return found != until_ms_.end() && now_ms < found->second;
}

}  // namespace daphnis::broker
