#include "l2/core/holdings.h"

#include <algorithm>

#include "common/base/limits.h"

namespace daphnis::l2 {
namespace {

constexpr const char* kComplete = "{\"complete\":true}\n";
constexpr const char* kIncomplete = "{\"complete\":false}\n";

bool is_before(const Cid& a, const Cid& b) {
  return std::ranges::lexicographical_compare(a.bytes(), b.bytes());
}

}  // namespace

Holdings make_holdings(std::vector<Cid> roots) {
  std::ranges::sort(roots, is_before);
  const auto repeats = std::ranges::unique(roots);
  roots.erase(repeats.begin(), repeats.end());
  return std::make_shared<const std::vector<Cid>>(std::move(roots));
}

HoldingsUpdate::HoldingsUpdate(const Holdings& known, const Holdings& wanted,
                               std::optional<bool> is_complete)
    : is_complete_(is_complete) {
  static const std::vector<Cid> kNone;
  const std::vector<Cid>& from = known ? *known : kNone;
  const std::vector<Cid>& to = wanted ? *wanted : kNone;
  auto old_one = from.begin();
  auto new_one = to.begin();
  while (old_one != from.end() || new_one != to.end()) {
    if (old_one == from.end() || (new_one != to.end() && is_before(*new_one, *old_one))) {
      changes_.push_back({true, *new_one++});
    } else if (new_one == to.end() || is_before(*old_one, *new_one)) {
      changes_.push_back({false, *old_one++});
    } else {
      ++old_one;
      ++new_one;
    }
  }
  std::ranges::stable_partition(changes_, [](const Change& change) { return !change.is_added; });
}

size_t HoldingsUpdate::end_of_body() const {
  return std::min(changes_.size(), at_ + limits::kHoldingsPerPost);
}

std::string HoldingsUpdate::body() const {
  std::string out;
  size_t on_line = 0;
  for (size_t i = at_; i < end_of_body(); ++i) {
    const bool is_new_line = on_line == limits::kHoldingsPerLine ||
                             (i > at_ && changes_[i].is_added != changes_[i - 1].is_added);
    if (is_new_line) {
      out += "]}\n";
      on_line = 0;
    }
    if (on_line++ == 0)
      out += changes_[i].is_added ? "{\"add\":[" : "{\"remove\":[";
    else
      out += ',';
    out += '"' + changes_[i].cid.text() + '"';
  }
  if (on_line > 0) out += "]}\n";
  const bool is_last = end_of_body() == changes_.size();
  if (is_last && is_complete_) out += *is_complete_ ? kComplete : kIncomplete;
  return out;
}

void HoldingsUpdate::advance() {
  at_ = end_of_body();
  if (at_ == changes_.size()) is_complete_.reset();
}

}  // namespace daphnis::l2
