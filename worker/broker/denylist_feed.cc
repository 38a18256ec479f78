#include "worker/broker/denylist_feed.h"

#include <utility>

namespace daphnis::worker {
namespace {

constexpr uint64_t kDeniedEveryMs = 60'000;
constexpr size_t kDeniedRulesMax = 4'096;

}  // namespace

DenylistFeed::Taken DenylistFeed::take(const ipc::DenylistPlace& place) {
  const bool is_same = place.id == denylist_.id();
  if (!is_same && place.id != 0) {
    auto table = tables_ ? tables_->open(place) : fail(Errc::kInvalid);
    if (!table || (*table)->id() != place.id) return Taken::kFailed;
    denylist_.set(std::move(*table));
  } else if (!is_same) {
    denylist_.set(nullptr);
  }
  is_swept_ = place.is_swept;
  if (is_same) return Taken::kSame;
  told_ms_.clear();
  return Taken::kNew;
}

void DenylistFeed::note(const Denial& denial, const Cid& root, uint64_t now_ms) {
  const auto [told, is_new] = told_ms_.emplace(denial.rule, now_ms);
  if (!is_new && now_ms < told->second + kDeniedEveryMs) return;
  if (told_ms_.size() > kDeniedRulesMax) told_ms_.clear();
  told_ms_[denial.rule] = now_ms;
  const Bytes cid = root.bytes();
  broker_.send(ipc::Denied{
      .by = {.denylist_id = denylist_.id(), .rule = denial.rule, .is_legal = denial.is_legal},
      .root = {cid.begin(), cid.end()}});
}

}  // namespace daphnis::worker
