#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "broker/dispatch/fetch.h"

namespace daphnis::broker {

/// How long it is remembered that each L2 that was asked has said not-found, from that round on.
inline constexpr uint64_t kSaidAbsentMs = 10'000;
/// How long a not-found is remembered that silence or a broken stream had a part in.
inline constexpr uint64_t kConcludedAbsentMs = 1'000;
/// Rounds remembered, about 350 bytes each; beyond: the oldest is dropped.
inline constexpr size_t kAbsencesMax = 65'536;
/// Missing paths remembered, about 100 bytes each; beyond: the oldest is dropped.
inline constexpr size_t kMissingPathsMax = 65'536;

/// What lately turned out not to be there, so that it is not looked for again: contents that no L2
/// had, for a short time, and paths that were proven not to exist below their roots. Content never
/// changes, so such a proof holds for ever, and a mark of it is kept until newer ones need its
/// place. A content is named by its root, or by the whole request where the L2s lack only a block
/// below the root. A pure container; owned by the dispatcher.
class Absences {
 public:
  /// How a round of candidates ended without content.
  struct Round {
    /// Each L2 said not-found, none by silence or a broken stream.
    bool was_said = false;
    /// All of them lack the root, whatever was asked for below it.
    bool is_of_root = false;
    /// Numbers of later registrations are larger (L2::arrival).
    uint64_t arrivals = 0;
  };

  /// Remembers a round from now on. A round that is remembered already is not remembered anew, so
  /// that nothing is for longer than from its own round; but one that was only concluded gives way
  /// to one that was said. Returns the number of older ones dropped for it.
  size_t add(const Fetch& fetch, const Round& round, uint64_t now_ms);
  /// The number of arrivals at the round by which the fetch's content is remembered not to be
  /// there; null: it is not remembered. An L2 that has arrived later may have it. Valid until the
  /// next call.
  [[nodiscard]] const uint64_t* find(const Fetch& fetch, uint64_t now_ms);
  /// True where a round of a root with this key may be remembered.
  [[nodiscard]] bool may_have(uint64_t root_key) const;
  /// An L2 says that it has this root. Returns how many rounds are forgotten for that.
  size_t forget(uint64_t root_key);
  /// Forgets the round of this fetch.
  void forget(const Fetch& fetch);

  /// It was proven that this request's path does not exist. Returns the number of older ones
  /// dropped for it.
  size_t add_missing_path(const RequestKey& key);
  [[nodiscard]] bool is_missing_path(const RequestKey& key) const { return paths_.contains(key); }

  [[nodiscard]] size_t size() const { return rounds_.size(); }
  [[nodiscard]] size_t missing_paths() const { return paths_.size(); }

 private:
  /// The key of a root, and that of the request, which is all zero for the root itself.
  using Key = std::pair<uint64_t, RequestKey>;
  struct Known {
    Cid root;  ///< The key of a root is a short hash, and others can make two roots with one.
    bool was_said = false;
    uint64_t arrivals = 0;
    uint64_t until_ms = 0;
    uint64_t number = 0;  ///< Its entry in by_age_.
  };
  struct Aged {
    Key key;
    uint64_t number;
  };

  [[nodiscard]] static Key key_of_root(const Fetch& fetch) { return {fetch.key, RequestKey{}}; }
  [[nodiscard]] const Known* find(const Key& key, const Fetch& fetch, uint64_t now_ms) const;
  void forget_old(uint64_t now_ms);
  /// True where that was a round that was still remembered.
  bool drop_oldest();

  absl::btree_map<Key, Known> rounds_;
  std::deque<Aged> by_age_;  ///< Also of rounds that were forgotten; at most twice kAbsencesMax.
  uint64_t last_number_ = 0;
  absl::flat_hash_set<RequestKey> paths_;
  std::deque<RequestKey> paths_by_age_;
};

}  // namespace daphnis::broker
