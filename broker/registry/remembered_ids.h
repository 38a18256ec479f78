#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace daphnis::broker {

/// A value for each of at most `max` ids; beyond that the id that was put first is forgotten.
template <class Value>
class RememberedIds {
 public:
  explicit RememberedIds(size_t max) : max_(max) {}

  /// Remembers an id, or gives one that is remembered a new value and age. `now_ms` never falls.
  void put(const std::string& id, Value value, uint64_t now_ms) {
    (void)take(id);
    if (by_age_.size() >= max_) forget_first();
    by_age_.push_back({.id = id, .value = std::move(value), .at_ms = now_ms});
    by_id_.emplace(id, std::prev(by_age_.end()));
  }
  /// Forgets an id and returns its value; nothing where it is not remembered.
  [[nodiscard]] std::optional<Value> take(const std::string& id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return std::nullopt;
    std::optional<Value> value = std::move(found->second->value);
    by_age_.erase(found->second);
    by_id_.erase(found);
    return value;
  }
  /// Forgets what was put before `time_ms`.
  void forget_before(uint64_t time_ms) {
    while (!by_age_.empty() && by_age_.front().at_ms < time_ms) forget_first();
  }
  [[nodiscard]] size_t size() const { return by_age_.size(); }

 private:
  struct Remembered {
    std::string id;
    Value value;
    uint64_t at_ms;
  };

  void forget_first() {
    by_id_.erase(by_age_.front().id);
    by_age_.pop_front();
  }

  const size_t max_;
  std::list<Remembered> by_age_;  ///< The first put first.
  absl::flat_hash_map<std::string, typename std::list<Remembered>::iterator> by_id_;
};

}  // namespace daphnis::broker
