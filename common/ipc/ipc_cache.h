#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/ipld/cid.h"
#include "common/request/car_request.h"

/// The messages between workers and the broker about the cache, spools and joins (docs/cache.md).
/// They are members of the two sets of ipc_messages.h.
namespace daphnis::ipc {

/// The folder in which a spool (the temporary file of a fetch) lies.
enum class SpoolPlace : uint8_t {
  kCache,     ///< Welcome::cache_dir/tmp; counts against the cache's limit.
  kSpoolDir,  ///< Welcome::spool_dir; counts against the spool limit.
};
inline constexpr SpoolPlace kSpoolPlaceLast = SpoolPlace::kSpoolDir;

/// Whether the cache would keep a fetch's output.
enum class Admission : uint8_t {
  kNo,
  kIfSmall,  ///< Where the output turns out to have at most kAdmitSmallBytesMax.
  kYes,
};
inline constexpr Admission kAdmissionLast = Admission::kYes;

/// How far the leader's fetch of the same object has come, as its followers are told.
enum class JoinState : uint8_t {
  kGoing,
  kWhole,   ///< All bytes are in the file.
  kFailed,  ///< No more bytes will come from the leader.
  kCached,  ///< Broker to worker only: the cache holds the object; read it there.
  /// Broker to worker only, where Fetch::finds_place: the leader is gone and this fetch is to lead.
  /// For the broker the fetch is over; the worker finds out where its output has come to and asks
  /// with that in a new Fetch.
  kLead,
};
inline constexpr JoinState kJoinStateLast = JoinState::kLead;

/// Whether JoinProgress may name the cached file of another request that holds the one block which
/// a Fetch is about.
enum class BlockFile : uint8_t {
  kNo,    ///< The worker reads no such file for this fetch.
  kMay,   ///< The worker reads it.
  kLost,  ///< The file that was named for the last question is gone, or does not hold the block. No
          ///< other is named.
};
inline constexpr BlockFile kBlockFileLast = BlockFile::kLost;

/// What is wrong with a cached file.
enum class CacheFaultKind : uint8_t {
  kMissing,     ///< There is no such file.
  kCorrupt,     ///< Its bytes are not those of its key.
  kUnreadable,  ///< The system could not read it.
  kDenied,      ///< It has a block that the list in force denies. Not to a version before 7.
};
inline constexpr CacheFaultKind kCacheFaultKindLast = CacheFaultKind::kDenied;

/// By what rule something may not be served.
struct DeniedBy {
  uint64_t denylist_id = 0;  ///< The list that was in force.
  uint32_t rule = 0;         ///< Denial::rule; 0: by none.
  bool is_legal = false;
  static void fields(auto& m, auto&& f) { f(m.denylist_id, m.rule, m.is_legal); }
};

// --- Worker to broker ---

/// Asks for disk space for a spool before it is written. The broker replies SpoolReserved; a spool
/// waits for at most one reply at a time. The first message opens the spool in the broker's books.
struct SpoolReserve {
  uint64_t spool = 0;         ///< The worker's own number, never used twice by one process.
  uint64_t bytes = 0;         ///< To be added to the reservation; usually kSpoolStepBytes.
  bool is_for_cache = false;  ///< The cache is to keep the file. Else only readers need it.
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.is_for_cache); }
};

/// Sent right after Welcome of a new broker, for each spool that is open already: the bytes that
/// were reserved for it. No reply; the broker charges the bytes even beyond the limit.
struct SpoolHeld {
  uint64_t spool = 0;
  uint64_t bytes = 0;
  SpoolPlace place = SpoolPlace::kCache;
  std::string name;  ///< The file's in tmp or in the spool folder, so that no sweep removes it.
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.place, m.name); }
};

/// A spool for the cache is complete, trailer included, and no longer written to. The broker moves
/// the file into the cache and replies SpoolStored.
struct SpoolDone {
  uint64_t spool = 0;
  std::string name;  ///< The file in tmp, without a folder.
  RequestKey key{};
  std::vector<uint8_t> root;  ///< The root CID's bytes.
  uint64_t size = 0;          ///< The file's, in bytes.
  /// The list that denies none of its blocks (DenylistPlace::id); 0: none is in force.
  uint64_t denylist_id = 0;
  static void fields(auto& m, auto&& f) {
    f(m.spool, m.name, m.key, m.root, m.size);
    f.since(7, m.denylist_id);
  }
};

/// The spool's file is unlinked and its descriptor closed. Its reservation ends once no follower
/// reads from the file.
struct SpoolGone {
  uint64_t spool = 0;
  uint32_t error = 0;  ///< The disk's errno for which the spool was given up; 0: no disk error.
  static void fields(auto& m, auto&& f) { f(m.spool, m.error); }
};

/// Sent after SpoolWanted: how far the fetch's spool has come. Repeated every kJoinStepBytes or
/// kJoinEveryMs, whichever comes first, and at once at the end. kFailed also where the fetch cannot
/// be spooled from its start.
struct FetchProgress {
  uint64_t fetch_id = 0;
  JoinState state = JoinState::kGoing;
  uint64_t bytes = 0;  ///< Bytes of the body that can be read, from the file's start.
  std::string path;    ///< The spool's, absolute.
  static void fields(auto& m, auto&& f) { f(m.fetch_id, m.state, m.bytes, m.path); }
};

struct KeyHits {
  RequestKey key{};
  uint32_t hits = 0;
  static void fields(auto& m, auto&& f) { f(m.key, m.hits); }
  [[nodiscard]] bool operator==(const KeyHits&) const = default;
};

/// How often this worker answered requests without asking the broker: from the cache or from a
/// fetch under way. Sent every second, or when kCacheHitsMax keys have come together.
struct CacheHits {
  std::vector<KeyHits> hits;
  static void fields(auto& m, auto&& f) { f(m.hits); }
};

/// A cached file cannot be used. The broker drops its entry, and moves a corrupt file into
/// quarantine.
struct CacheFault {
  RequestKey key{};
  CacheFaultKind kind = CacheFaultKind::kMissing;
  std::string detail;
  DeniedBy by = {};  ///< With kDenied alone.
  static void fields(auto& m, auto&& f) {
    f(m.key, m.kind, m.detail);
    f.since(7, m.by);
  }
};

/// The worker has closed all files of that Unlink.
struct Unlinked {
  uint64_t deferred_free = 0;
  static void fields(auto& m, auto&& f) { f(m.deferred_free); }
};

// --- Broker to worker ---

/// Replies to SpoolReserve. It may come late, where the broker has to evict files first.
struct SpoolReserved {
  uint64_t spool = 0;
  uint64_t bytes = 0;  ///< As many as were asked for; 0: refused, for the rest of the spool's life.
  SpoolPlace place = SpoolPlace::kCache;
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.place); }
};

/// Replies to SpoolDone. The spool is no longer in the broker's books.
struct SpoolStored {
  uint64_t spool = 0;
  bool is_held = false;  ///< False: the file was unlinked and is not in the cache.
  static void fields(auto& m, auto&& f) { f(m.spool, m.is_held); }
};

/// These files are unlinked. The worker closes those it has open, and replies Unlinked once no
/// answer under way reads from them.
struct Unlink {
  uint64_t deferred_free = 0;      ///< The broker's number for these files' deferred free.
  std::vector<RequestKey> keys;    ///< Cached files.
  std::vector<std::string> paths;  ///< Spools that followers read.
  static void fields(auto& m, auto&& f) { f(m.deferred_free, m.keys, m.paths); }
};

/// Tells the leader's worker that a follower wants to read along: spool that fetch from its start
/// and report FetchProgress.
struct SpoolWanted {
  uint64_t fetch_id = 0;
  static void fields(auto& m, auto&& f) { f(m.fetch_id); }
};

/// Tells a worker whose Fetch follows another worker's how far that one has come. The broker makes
/// no attempt for the follower meanwhile. After kFailed the broker goes on with the follower's
/// fetch: a Handoff, FetchFailed or another JoinProgress comes. After kWhole and kCached the fetch
/// is over for the broker; a worker that cannot read the file sends a new Fetch with must_not_join,
/// or where `file` was named without it.
struct JoinProgress {
  uint64_t fetch_id = 0;
  JoinState state = JoinState::kGoing;
  uint64_t bytes = 0;
  std::string path;
  /// With kCached and Fetch::block_file only: the key of the cached file that seems to have the
  /// object, one block, among its blocks. All zeros: the object has a file of its own.
  RequestKey file{};
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id, m.state, m.bytes, m.path);
    f.since(7, m.file);
  }
};

}  // namespace daphnis::ipc
