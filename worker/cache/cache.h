#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "worker/broker/broker_session.h"
#include "worker/cache/cache_reads.h"
#include "worker/cache/open_file_cache.h"
#include "worker/cache/unlinks.h"

namespace daphnis::worker {

/// The worker's side of the shared cache: finds files, keeps those asked for last open, counts
/// their hits for the broker and closes what it unlinks. Without CacheReads, or without a folder,
/// all look-ups miss. Owned by the Worker.
class Cache {
 public:
  /// `found` is null where the cache does not have it; valid during the call.
  using Done = std::function<void(const CachedFile* found, uint64_t now_ms)>;

  explicit Cache(BrokerSession& broker) : broker_(broker) {}

  /// Null: no cache. Must outlive its use here.
  void set_reads(CacheReads* reads) { reads_ = reads; }
  /// A broker has said where its cache is. What was known of the one before is forgotten: it may
  /// have unlinked files without a chance to say so.
  void on_broker_up(const ipc::Welcome& welcome);
  void on_broker_closed() { unlinks_.forget_pending(); }
  [[nodiscard]] bool is_on() const { return reads_ && is_open_; }

  /// What is open. Valid until the next call.
  [[nodiscard]] const CachedFile* find_open(const RequestKey& key) { return open_files_.find(key); }
  /// Finds a file, open already or not. Calls `done` within the call, and returns 0; or later,
  /// once, unless the number it returns is forgotten before. One that takes longer than
  /// kCacheLookMs missed. `next`: what may be looked up if it is missing.
  CacheWaiterId look_up(const RequestKey& key, std::span<const RequestKey> next, Done done,
                        uint64_t now_ms);
  void forget(CacheWaiterId waiter);
  /// The answer to CacheReads::look_up().
  void on_look(CacheQueryId id, CacheLook look, uint64_t now_ms);

  /// Reads part of a file's body. As look_up(): `done` within the call, and 0; or later.
  using ReadDone = std::function<void(CacheRead read, uint64_t now_ms)>;
  CacheWaiterId read(const CachedFile& file, uint64_t offset, size_t size, ReadDone done,
                     uint64_t now_ms);
  /// Finds out where a CAR's blocks lie.
  CacheWaiterId index_of(const RequestKey& key, const CachedFile& file, ReadDone done,
                         uint64_t now_ms);
  /// The answer to CacheReads::read() and index_of().
  void on_read(CacheQueryId id, CacheRead read, uint64_t now_ms);

  /// A request was answered without asking the broker, from a file or a fetch under way.
  void count_hit(const RequestKey& key, uint64_t now_ms);
  /// The broker is to drop the file; so do we.
  void report(const RequestKey& key, ipc::CacheFaultKind kind, std::string detail);

  void on_unlink(const ipc::Unlink& unlink, uint64_t now_ms);
  /// Files that others opened: somebody's spool, or one of the cache. In use while that reference
  /// lives.
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
    uint64_t deadline_ms;
    Unlinks::Use token;        ///< Held until the file, if there is one, is here or closed.
    bool is_unlinked = false;  ///< Meanwhile: what comes of it must not be used.
    std::vector<Waiter> waiters = {};
  };

  struct Reading {
    uint64_t deadline_ms;
    ReadDone done;
  };

  CacheWaiterId await(CacheQueryId id, ReadDone done, uint64_t now_ms);
  const CachedFile* take(const RequestKey& key, CacheLook look);
  void tell(std::vector<Waiter> waiters, const CachedFile* found, uint64_t now_ms);
  void send_hits();
  void send_unlinked(uint64_t now_ms);

  BrokerSession& broker_;
  CacheReads* reads_ = nullptr;
  bool is_open_ = false;
  OpenFileCache open_files_;
  Unlinks unlinks_;
  uint64_t last_number_ = 0;            ///< Of looks, their waiters and reads.
  std::map<CacheQueryId, Look> looks_;  ///< Under way, oldest first; at most kCacheLooksMax.
  RequestKeyMap<CacheQueryId> look_of_key_;
  std::map<CacheQueryId, Reading> readings_;  ///< Waited for, oldest first.
  RequestKeyMap<uint32_t> hits_;              ///< Not yet sent.
  uint64_t hits_ms_ = kNever;                 ///< When they are sent.
  uint64_t unlinks_ms_ = kNever;              ///< When to look again what is closed.
};

}  // namespace daphnis::worker
