#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "worker/broker/broker_session.h"
#include "worker/cache/cache_reads.h"
#include "worker/cache/open_file_cache.h"
#include "worker/cache/unlinks.h"

namespace daphnis::worker {

/// The worker's side of the shared cache: finds files, keeps those asked for last open, counts
/// their hits for the broker and closes what the broker unlinks. Without CacheReads, or without a
/// folder, all look-ups miss. Owned by the Worker.
class Cache {
 public:
  /// The result of a look-up.
  struct Found {
    const CachedFile* file = nullptr;  ///< Null where none can be had; valid during the call.
    /// The folder has been read and lacks the file. False for a file that is there but unfit, and
    /// where nobody knows: too much is being looked up, the disk is slow, or the broker has
    /// unlinked the file meanwhile.
    bool is_missing = false;
    /// Why the file may not be served: the broker has been told, and no other source can help.
    std::optional<Denial> denial = {};
  };
  using Done = std::function<void(const Found& found, uint64_t now_ms)>;

  explicit Cache(BrokerSession& broker) : broker_(broker) {}

  /// Sets what reads the folder; null for no cache. `reads` must outlive its use here.
  void set_reads(CacheReads* reads) { reads_ = reads; }
  /// A broker has said where its cache is. All that is known of the cache is forgotten: the last
  /// broker may have unlinked files and died before it could say so.
  void on_broker_up(const ipc::Welcome& welcome);
  void on_broker_closed() { unlinks_.forget_pending(); }
  /// Sets the list by which files are judged when they are opened; null where they need not be.
  void set_denylist(const std::shared_ptr<const DenyTable>& table) {
    judges_by_ = table ? table->id() : 0;
    if (reads_) reads_->set_denylist(table);
  }
  /// Forgets all open files, and looks for none that is being opened: another list is in force.
  void forget_files();
  [[nodiscard]] bool is_on() const { return reads_ && is_open_; }

  /// The file where it is open; else null. Valid until the next call.
  [[nodiscard]] const CachedFile* find_open(const RequestKey& key) { return open_files_.find(key); }
  /// Finds a file, open or not. Calls `done` within the call and returns none; or later, once,
  /// unless forget() is given the returned number before. A look-up that takes longer than
  /// kCacheLookMs finds nothing, nor does one of the same file until the first has ended. `next`
  /// are the keys that may be looked up if this file is missing.
  CacheWaiterId look_up(const RequestKey& key, std::span<const RequestKey> next, Done done,
                        uint64_t now_ms);
  void forget(CacheWaiterId waiter);
  /// Takes the result of a CacheReads::look_up() that took time.
  void on_look(CacheQueryId id, CacheLook look, uint64_t now_ms);

  /// Reads `size` bytes at `offset` of a file's body, or of a spool that need not be the cache's.
  /// `done` is called as look_up() calls its own.
  using ReadDone = std::function<void(CacheRead read, uint64_t now_ms)>;
  CacheWaiterId read(const CachedFile& file, uint64_t offset, size_t size, ReadDone done,
                     uint64_t now_ms);
  /// Gets the index of a cached CAR's blocks.
  CacheWaiterId index_of(const RequestKey& key, const CachedFile& file, ReadDone done,
                         uint64_t now_ms);
  /// Takes the result of a CacheReads::read() or index_of() that took time.
  void on_read(CacheQueryId id, CacheRead read, uint64_t now_ms);

  /// Counts a request that was answered without asking the broker, from a file or a fetch under
  /// way.
  void count_hit(const RequestKey& key, uint64_t now_ms);
  /// Drops the file here and asks the broker to drop it too.
  void report(const RequestKey& key, ipc::CacheFaultKind kind, std::string detail);

  void on_unlink(const ipc::Unlink& unlink, uint64_t now_ms);
  /// Watches a file that was opened outside this class: a spool, or a file of the cache. It is in
  /// use while the reference `use` lives.
  void watch(const std::string& path, const Unlinks::Use& use) { unlinks_.watch(path, use); }
  void watch(const RequestKey& key, const Unlinks::Use& use) { unlinks_.watch(key, use); }

  void on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const;

 private:
  struct Waiter {
    CacheWaiterId id;
    Done done;
  };
  struct Look {
    RequestKey key;
    uint64_t deadline_ms;  ///< kNever once it has passed.
    Unlinks::Use token;    ///< A token that keeps the file in use until the look-up has ended.
    /// The broker has unlinked the file meanwhile: the result must not be used.
    bool is_unlinked = false;
    std::vector<Waiter> waiters = {};
  };

  struct Reading {
    uint64_t deadline_ms;
    ReadDone done;
  };

  CacheWaiterId await(CacheQueryId id, ReadDone done, uint64_t now_ms);
  Found take(const RequestKey& key, CacheLook look);
  void tell(std::vector<Waiter> waiters, Found found, uint64_t now_ms);
  void send_hits();
  void send_unlinked(uint64_t now_ms);

  BrokerSession& broker_;
  CacheReads* reads_ = nullptr;
  bool is_open_ = false;
  DenylistId judges_by_ = 0;
  OpenFileCache open_files_;
  Unlinks unlinks_;
  uint64_t last_number_ = 0;  ///< The last number of a query or a waiter.
  /// Look-ups under way, oldest first; at most kCacheLooksMax.
  std::map<CacheQueryId, Look> looks_;
  RequestKeyMap<CacheQueryId> look_of_key_;
  std::map<CacheQueryId, Reading> readings_;  ///< Reads that are waited for, oldest first.
  RequestKeyMap<uint32_t> hits_;              ///< Hits that the broker has not been told of.
  uint64_t hits_ms_ = kNever;                 ///< The time at which hits_ is sent.
  uint64_t unlinks_ms_ = kNever;  ///< The time at which unlinked files are looked at again.
};

}  // namespace daphnis::worker
