#pragma once

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "broker/base/context.h"
#include "broker/cache/cache.h"
#include "broker/dispatch/dispatcher.h"

namespace daphnis::broker {

/// How long a group waits for its heir's question. A worker reads and proves 1 GiB in a few
/// seconds.
inline constexpr uint64_t kHeirWaitMs = 10'000;

/// Coalesces the fetches of all workers, so that an object is fetched once (DESIGN 7). The first
/// fetch of a key is dispatched and is its leader; fetches of other workers are its followers, are
/// told how far its spool has come, and end with it. When a leader fails, its oldest follower
/// becomes the leader. One that has output becomes the group's heir before: its worker is told
/// (kLead) to find out how far the output has come, and its next Fetch, which says so, leads. What
/// the cache holds is not fetched at all, be it one block of another object's file. A fetch that is
/// alone (ipc::Fetch::is_alone) has no part in a group. Owned by the broker; every Fetch comes here
/// first.
///
/// A group is a key's leader or heir with its followers. It lives until the leader has ended, no
/// heir is awaited and no follower waits. A group that was served can be joined for kGroupEndedMs
/// more, since its file may not have its name yet; where its worker has dropped that spool by then,
/// it reports kFailed.
class Joins {
 public:
  Joins(Context& context, Dispatcher& dispatcher, Cache& cache)
      : context_(context), dispatcher_(dispatcher), cache_(cache) {}

  /// Begins a fetch. False where the worker has a fetch of that id already, which is nonsense.
  [[nodiscard]] bool on_fetch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Ends a fetch, leader or follower, that its worker wants no more.
  void on_cancel(WorkerId worker, WorkerFetchId fetch_id, uint64_t now_ms);
  /// False: the message makes no sense.
  [[nodiscard]] bool on_progress(WorkerId worker, const ipc::FetchProgress& message,
                                 uint64_t now_ms);
  void on_worker_gone(WorkerId worker);
  /// Another list says what may be served: what leaders have proven was judged by the one before,
  /// so that nobody goes on with it unless his worker proves it anew.
  void on_denylist();
  /// A follower's deadline has passed, or the time that a file may take to get its name, or that
  /// for which a group waits for its heir.
  void on_timer(FollowerNo no, uint64_t now_ms);
  /// Ends each input: tells followers of the fetches and stores that have ended in it, and makes
  /// new leaders.
  void after_input(uint64_t now_ms);

  /// Followers, and heirs that are awaited.
  [[nodiscard]] size_t followers() const { return followers_.size(); }

 private:
  using FetchId = std::pair<WorkerId, WorkerFetchId>;
  [[nodiscard]] static FetchId id_of(WorkerId worker, uint64_t fetch_id) {
    return {worker, WorkerFetchId{fetch_id}};
  }
  struct Follower {
    RequestKey key{};
    WorkerId worker{};
    /// Its has_output becomes true once a leader's spool had bytes, be it an earlier leader's.
    ipc::Fetch message;
    uint64_t deadline_ms = 0;
    uint64_t patience_ms = 0;  ///< What it has for its first byte, and for each next leader.
    TimerSlot timer;
    bool knows_path = false;  ///< The path of the leader's spool was sent to it.
    bool has_bytes = false;   ///< That spool had proven bytes.
  };
  struct Group {
    GroupNo no{};
    /// False while the object's file is being stored, or until after_input() makes a new leader.
    bool has_leader = false;
    FetchId leader{};
    bool is_wanted = false;     ///< SpoolWanted was sent to the leader.
    bool is_served = false;     ///< The leader's CAR was complete.
    bool is_forgotten = false;  ///< It was served too long ago to be kept.
    ipc::FetchProgress last;    ///< An empty path: no progress came yet.
    /// Was told to lead, and its worker has not asked anew; the group has no leader then. It is one
    /// of followers_, under the number of the fetch that it was.
    std::optional<FollowerNo> heir;
    std::deque<FollowerNo> followers;
  };
  using Groups = absl::flat_hash_map<RequestKey, Group>;

  /// True where the fetch need not be dispatched: the cache holds the object, or it is a follower.
  [[nodiscard]] bool join(WorkerId worker, ipc::Fetch& message, uint64_t now_ms);
  /// The worker whose fetch the group's followers wait for.
  [[nodiscard]] WorkerId leading_worker(const Group& group) const;
  /// Dispatches a fetch that follows none, or has its worker find its place before. It leads where
  /// nobody of another worker does; one that is alone never does.
  void dispatch(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Dispatches a fetch as the leader of a group.
  void dispatch_leader(const RequestKey& key, Group& group, WorkerId worker, ipc::Fetch&& message,
                       uint64_t now_ms);
  void lead(const RequestKey& key, Group& group, const FetchId& leader);
  void drop_leader(Group& group);
  /// Those who have read bytes of a leader that is gone get their patience anew.
  void renew_deadlines(const Group& group, uint64_t now_ms);
  [[nodiscard]] FollowerNo add_follower(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  void park(const RequestKey& key, Group& group, WorkerId worker, ipc::Fetch&& message,
            uint64_t now_ms);
  /// Asks the leader for a spool, once.
  void want(Group& group);
  /// Sends the group's last progress to a follower. True where the spool is whole, which ends the
  /// follower.
  [[nodiscard]] bool relay(const Group& group, Follower& follower);
  void tell(WorkerId worker, const ipc::Fetch& message, ipc::JoinState state,
            const RequestKey& file = {});
  /// Ends the followers for which `is_over` is true.
  void end_followers(Group& group, auto&& is_over);
  /// Takes a follower out of all tables but its group's.
  [[nodiscard]] Follower take(FollowerNo no);
  /// Ends a follower or an heir that its worker wants no more.
  void leave(FollowerNo no);
  /// Takes the group's leader away; its followers are told, so that their workers wait for another
  /// as long as for the first, and after_input() picks the next leader.
  void fail(const RequestKey& key, Group& group);
  void on_end(const Dispatcher::FetchEnd& end, uint64_t now_ms);
  void on_store_ended(const RequestKey& key);
  void pass_on(const RequestKey& key, uint64_t now_ms);
  /// Erases a group without followers that has no leader, or whose leader is forgotten.
  void drop_if_idle(const RequestKey& key);
  void forget_old(uint64_t now_ms);

  // --- What the cache holds (joins_cached.cc) ---
  /// True where the cache holds the object, be it a block of another file; the worker was told.
  [[nodiscard]] bool tell_cached(WorkerId worker, const ipc::Fetch& message);
  /// Answers a fetch for which no L2 is to be asked (ipc::Fetch::only_cached).
  void look_up(WorkerId worker, const ipc::Fetch& message);

  // --- Heirs (joins_heirs.cc) ---
  /// True where output is there, nobody knows how far it has come, and the worker can find out.
  [[nodiscard]] static bool lacks_place(const ipc::Fetch& message) {
    return message.has_output && message.finds_place && message.resume.skip == 0;
  }
  [[nodiscard]] bool is_heir(FollowerNo no) const {
    return groups_.at(followers_.at(no).key).heir == no;
  }
  /// Ends a fetch that lacks its place, so that its worker asks anew. It is its group's heir where
  /// nobody else leads.
  void send_for_place(WorkerId worker, ipc::Fetch&& message, uint64_t now_ms);
  /// Makes a follower, which is in no group's list, the heir of a group without a leader.
  void name_heir(Group& group, FollowerNo no, uint64_t now_ms);
  /// True where the fetch is what a group's heir was to ask; it leads that group.
  [[nodiscard]] bool take_over(WorkerId worker, ipc::Fetch& message, uint64_t now_ms);
  /// The group waits for its heir no more, which is as if its leader had failed.
  void lose_heir(FollowerNo no);

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
  std::deque<Served> served_;  ///< The oldest first.
  uint64_t last_no_ = 0;       ///< Of followers and groups.
};

}  // namespace daphnis::broker
