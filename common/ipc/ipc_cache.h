#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/ipld/cid.h"
#include "common/request/car_request.h"

/// What workers and the broker say to each other about the cache, spools and joins (docs/cache.md).
/// Members of the two sets of ipc_messages.h.
namespace daphnis::ipc {

/// Where a spool (the temporary file of a fetch) lies.
enum class SpoolPlace : uint8_t {
  kCache,     ///< Welcome::cache_dir/tmp; counts against the cache's limit.
  kSpoolDir,  ///< Welcome::spool_dir; counts against the spool limit.
};
inline constexpr SpoolPlace kSpoolPlaceLast = SpoolPlace::kSpoolDir;

/// Whether a fetch's answer is worth keeping.
enum class Admission : uint8_t {
  kNo,
  kIfSmall,  ///< Where it turns out to have at most kAdmitSmallBytesMax.
  kYes,
};
inline constexpr Admission kAdmissionLast = Admission::kYes;

/// How far somebody else's fetch of the same object has come.
enum class JoinState : uint8_t {
  kGoing,
  kWhole,   ///< All bytes are in the file.
  kFailed,  ///< No more will come from there.
  kCached,  ///< Broker to worker only: the cache holds the object; look there.
};
inline constexpr JoinState kJoinStateLast = JoinState::kCached;

/// What is wrong with a cached file.
enum class CacheFaultKind : uint8_t {
  kMissing,     ///< There is no such file.
  kCorrupt,     ///< It is not what it says it is.
  kUnreadable,  ///< The system could not read it.
};
inline constexpr CacheFaultKind kCacheFaultKindLast = CacheFaultKind::kUnreadable;

// --- Worker to broker ---

/// Asks for room for a spool before it is written. Answered by SpoolRoom; at most one is unanswered
/// per spool. The first one opens the spool in the broker's books.
struct SpoolReserve {
  uint64_t spool = 0;         ///< The worker's own number, never used twice by one process.
  uint64_t bytes = 0;         ///< More than reserved so far; usually kSpoolStepBytes.
  bool is_for_cache = false;  ///< It is to be kept. Else only readers want it for a while.
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.is_for_cache); }
};

/// Right after Welcome of a new broker: a spool that is open already, with the room it has.
/// No answer; the bytes are charged even beyond the limit.
struct SpoolHeld {
  uint64_t spool = 0;
  uint64_t bytes = 0;
  SpoolPlace place = SpoolPlace::kCache;
  std::string name;  ///< Of the file in tmp (or in the spool folder), so that no sweep takes it.
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.place, m.name); }
};

/// A spool for the cache is complete, trailer included, and no longer written to. The broker gives
/// the file its place and answers SpoolStored.
struct SpoolDone {
  uint64_t spool = 0;
  std::string name;  ///< The file in tmp, without a folder.
  RequestKey key{};
  std::vector<uint8_t> root;  ///< The root CID's bytes.
  uint64_t size = 0;          ///< Of the file.
  static void fields(auto& m, auto&& f) { f(m.spool, m.name, m.key, m.root, m.size); }
};

/// The spool's file is unlinked and its descriptor closed. Its room is free again once no follower
/// reads from it.
struct SpoolGone {
  uint64_t spool = 0;
  uint32_t error = 0;  ///< The errno for which it was given up; 0: not for any trouble of the disk.
  static void fields(auto& m, auto&& f) { f(m.spool, m.error); }
};

/// After SpoolWanted: how far the fetch's spool has come. Every kJoinStepBytes or kJoinEveryMs, at
/// once for the end. kFailed also where the fetch cannot be spooled from its start.
struct FetchProgress {
  uint64_t fetch_id = 0;
  JoinState state = JoinState::kGoing;
  uint64_t bytes = 0;  ///< Readable bytes from the file's start; of the body only.
  std::string path;    ///< Absolute.
  static void fields(auto& m, auto&& f) { f(m.fetch_id, m.state, m.bytes, m.path); }
};

struct KeyHits {
  RequestKey key{};
  uint32_t hits = 0;
  static void fields(auto& m, auto&& f) { f(m.key, m.hits); }
  [[nodiscard]] bool operator==(const KeyHits&) const = default;
};

/// Requests this worker answered without asking the broker, from the cache or by a fetch under way.
/// Sent every second, or when kCacheHitsMax keys have come together.
struct CacheHits {
  std::vector<KeyHits> hits;
  static void fields(auto& m, auto&& f) { f(m.hits); }
};

/// A file of the cache that is of no use. The broker drops the entry, and the file into quarantine.
struct CacheFault {
  RequestKey key{};
  CacheFaultKind kind = CacheFaultKind::kMissing;
  std::string detail;
  static void fields(auto& m, auto&& f) { f(m.key, m.kind, m.detail); }
};

/// No descriptor of the files of that Unlink is open in this worker any more.
struct Unlinked {
  uint64_t deferred_free = 0;
  static void fields(auto& m, auto&& f) { f(m.deferred_free); }
};

// --- Broker to worker ---

/// The answer to SpoolReserve. May come late: room is made by evicting.
struct SpoolRoom {
  uint64_t spool = 0;
  uint64_t bytes = 0;  ///< As asked for, or 0: refused, now and for this spool.
  SpoolPlace place = SpoolPlace::kCache;
  static void fields(auto& m, auto&& f) { f(m.spool, m.bytes, m.place); }
};

/// The answer to SpoolDone. The spool is out of the broker's books.
struct SpoolStored {
  uint64_t spool = 0;
  bool is_held = false;  ///< False: the file was unlinked and its content is not in the cache.
  static void fields(auto& m, auto&& f) { f(m.spool, m.is_held); }
};

/// These files are no longer in the cache. Close what is open of them and answer Unlinked as soon
/// as no answer under way reads from them; a follower's spool files are meant by `paths`.
struct Unlink {
  uint64_t deferred_free = 0;
  std::vector<RequestKey> keys;
  std::vector<std::string> paths;
  static void fields(auto& m, auto&& f) { f(m.deferred_free, m.keys, m.paths); }
};

/// Another worker wants to read along: spool that fetch from its start and report FetchProgress.
struct SpoolWanted {
  uint64_t fetch_id = 0;
  static void fields(auto& m, auto&& f) { f(m.fetch_id); }
};

/// To a worker whose Fetch was joined to another worker's. No attempt is made for it meanwhile.
/// After kFailed the broker goes on with this fetch by itself: a Handoff, FetchFailed or another
/// JoinProgress follows. After kWhole and kCached the fetch is over for the broker; a worker that
/// cannot read what it was told of asks anew with Fetch::must_not_join.
struct JoinProgress {
  uint64_t fetch_id = 0;
  JoinState state = JoinState::kGoing;
  uint64_t bytes = 0;
  std::string path;
  static void fields(auto& m, auto&& f) { f(m.fetch_id, m.state, m.bytes, m.path); }
};

}  // namespace daphnis::ipc
