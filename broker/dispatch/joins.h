#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <utility>
#include <vector>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "broker/dispatch/dispatcher.h"

namespace daphnis::broker {

/// Sees to it that an object is fetched once, whoever asks for it (DESIGN 7). The first fetch of a
/// key is dispatched and leads; fetches of other workers wait for it as followers, are told how far
/// its spool has come, and end with it. A leader that fails is followed by its oldest follower.
/// What the cache holds is not fetched at all. Owned by the broker; every Fetch comes here first.
///
/// A group is a key's fetch with its followers. It lives from the Fetch until its leader's fetch
/// has ended and nobody waits; one that was served stays joinable for kGroupEndedMs, since its file
/// may not have its name yet. The leader's worker answers for what it does not know any more.
class Joins {
 public:
  Joins(Context& context, Dispatcher& dispatcher, Cache& cache)
      : context_(context), dispatcher_(dispatcher), cache_(cache) {}

  /// False where the worker has a fetch of that id: such a worker makes no sense.
  [[nodiscard]] bool on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Nobody wants it any more, be it dispatched or joined.
  void on_cancel(WorkerId worker, WorkerFetchId fetch_id, uint64_t now_ms);
  /// False: it makes no sense.
  [[nodiscard]] bool on_progress(WorkerId worker, const ipc::FetchProgress& message,
                                 uint64_t now_ms);
  void on_worker_gone(WorkerId worker);
  /// A follower has waited as long as it was ready to.
  void on_timer(FollowerNo no, uint64_t now_ms);
  /// Draws the conclusions from what this input has ended at the dispatcher and in the cache.
  void after_input(uint64_t now_ms);

  [[nodiscard]] size_t followers() const { return followers_.size(); }

 private:
  using FetchId = std::pair<WorkerId, WorkerFetchId>;
  [[nodiscard]] static FetchId id_of(WorkerId worker, uint64_t fetch_id) {
    return {worker, WorkerFetchId{fetch_id}};
  }
  struct Follower {
    RequestKey key{};
    WorkerId worker{};
    ipc::Fetch message;
    uint64_t deadline_ms = 0;
    TimerSlot timer;
    bool knows_path = false;  ///< It was told where the leader's spool lies.
    bool has_bytes = false;
  };
  struct Group {
    GroupNo no{};
    bool has_leader =
        false;  ///< Else its file is being stored, or after_input() finds the next one.
    FetchId leader{};
    bool is_wanted = false;     ///< SpoolWanted was sent.
    bool is_served = false;     ///< The leader's fetch was complete.
    bool is_forgotten = false;  ///< Served too long ago to be joined anew.
    ipc::FetchProgress last;    ///< With an empty path: nothing is known.
    std::deque<FollowerNo> followers;
  };
  using Groups = absl::flat_hash_map<RequestKey, Group>;

  /// True where the fetch need not be dispatched now.
  [[nodiscard]] bool join(WorkerId worker, ipc::Fetch& message, uint64_t now_ms);
  void dispatch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  void lead(const RequestKey& key, Group& group, const FetchId& leader);
  void drop_leader(Group& group);
  void park(const RequestKey& key, Group& group, WorkerId worker, ipc::Fetch&& message,
            uint64_t now_ms);
  /// Asks the leader for a spool where that has not been done.
  void want(Group& group);
  /// Tells of the group's last progress. True where it was the last word.
  [[nodiscard]] bool relay(const Group& group, Follower& follower);
  void tell(const Follower& follower, ipc::JoinState state);
  /// Ends those followers for which `is_over` is true.
  void end_followers(Group& group, auto&& is_over);
  [[nodiscard]] Follower take(FollowerNo no);
  /// Takes the group's leader away; its followers are told, and after_input() picks the next
  /// leader.
  void fail(const RequestKey& key, Group& group);
  void on_end(const Dispatcher::FetchEnd& end, uint64_t now_ms);
  void on_store_ended(const RequestKey& key);
  void pass_on(const RequestKey& key, uint64_t now_ms);
  /// Makes an end of a group that nobody leads or waits for.
  void drop_if_idle(const RequestKey& key);
  void forget_old(uint64_t now_ms);

  Context& context_;
  Dispatcher& dispatcher_;
  Cache& cache_;
  Groups groups_;
  absl::btree_map<FetchId, RequestKey> leaders_;
  absl::btree_map<FollowerNo, Follower> followers_;
  absl::btree_map<FetchId, FollowerNo> followers_by_fetch_;
  std::vector<RequestKey> to_pass_on_;
  struct Served {
    RequestKey key;
    GroupNo group;
    uint64_t at_ms;
  };
  std::deque<Served> served_;  ///< In order of time.
  uint64_t last_no_ = 0;       ///< Of followers and groups.
};

}  // namespace daphnis::broker
