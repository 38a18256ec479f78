#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/uuid.h"
#include "common/ipc/ipc_cache.h"
#include "common/ipc/ipc_direct.h"
#include "common/ipc/ipc_listeners.h"
#include "common/ipc/ipc_outcomes.h"
#include "common/request/car_request.h"
#include "common/request/stream_shape.h"

/// The messages between workers and the broker (DESIGN 4): two closed one-way sets. Each message
/// lists its fields once, in `fields`, and ipc_codec.h encodes and decodes from that list. A field
/// that a later version added stands in the list as `f.since(VERSION, field…)`: it does not travel
/// in earlier versions, and keeps its default. An outcome stands there as `f.one_of(LIST, field)`,
/// with the list of those it can be. A message that a later version added has that version in its
/// set, and is not sent to a peer of an earlier one. Adding a message is a compile error at every
/// handler that visits the variant.
namespace daphnis::ipc {

/// The protocol version this build speaks, and the oldest it still serves, which is an earlier one:
/// a reload puts new workers under an old broker, and a new broker finds old workers.
inline constexpr uint16_t kVersion = 7;
inline constexpr uint16_t kVersionMin = 6;
static_assert(kVersionMin < kVersion);

/// The links of one block that the broker is told of: the first ones. A frame of them is 8 KiB.
inline constexpr size_t kLinksMax = 1'024;

// --- Worker to broker ---

/// First message of a worker. The broker replies Welcome or Refused. Its form, and that of Refused,
/// is the same in all versions.
struct Hello {
  uint16_t version_min = kVersionMin;
  uint16_t version_max = kVersion;
  uint32_t index = 0;  ///< The worker's --index.
  uint32_t pid = 0;
  static void fields(auto& m, auto&& f) { f(m.version_min, m.version_max, m.index, m.pid); }
};

/// How far the output of a fetch has come, for the L2 that is asked next.
struct Resume {
  uint64_t skip = 0;  ///< Blocks of the request's walk that are out, at most kSkipBlocksMax.
  /// The binary form of the CID that is due; empty where `skip` is 0, and only there.
  std::vector<uint8_t> next = {};
  static void fields(auto& m, auto&& f) { f(m.skip, m.next); }
  [[nodiscard]] bool operator==(const Resume&) const = default;
};

/// Asks for a CAR. The broker replies Handoff, JoinProgress or FetchFailed.
struct Fetch {
  uint64_t fetch_id = 0;  ///< The worker's own number, unique in its connection's life.
  CarRequest request = {};
  RequestKey key{};
  std::string trace_id;        ///< The client's request id, 1..64 of [A-Za-z0-9._-].
  uint32_t deadline_ms = 0;    ///< How long, from now, the client waits for a first block.
  bool must_not_join = false;  ///< The leader's spool, or the cached file, could not be read.
  Resume resume = {};          ///< Of a fetch that is in the middle of its output already.
  /// It joins no other fetch and none joins it, since its reader is slow. JoinProgress with kCached
  /// may come nevertheless.
  bool is_alone = false;
  /// Output of a file is there, though `resume` does not say how far that has come.
  bool has_output = false;
  /// The worker obeys JoinState::kLead.
  bool finds_place = false;
  /// The Network of the client that it was begun for; 0: nobody knows, or no client wants it.
  uint64_t client_network = 0;
  BlockFile block_file = BlockFile::kNo;
  /// No L2 is to be asked. Where the cache does not hold the object either, the reply is
  /// FetchFailed with kNotFound. Not for a peer of a version before 7, which would ask L2s.
  bool only_cached = false;
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id, m.request, m.key, m.trace_id, m.deadline_ms, m.must_not_join, m.resume,
      m.is_alone, m.has_output, m.finds_place);
    f.since(7, m.client_network, m.block_file, m.only_cached);
  }
};

/// No reader wants the fetch any more. Its attempts that are under way become cancelled.
struct CancelFetch {
  uint64_t fetch_id = 0;
  static void fields(auto& m, auto&& f) { f(m.fetch_id); }
};

/// The worker has a Handoff and its socket; it no longer counts against kHandoffsAwaitingMax. Not
/// sent where the attempt ends at once, since AttemptEnded says the same.
struct HandoffTaken {
  Uuid attempt_id{};
  static void fields(auto& m, auto&& f) { f(m.attempt_id); }
};

/// How a handed-off attempt ended. Sent exactly once for each Handoff.
struct AttemptEnded {
  uint64_t fetch_id = 0;
  Uuid attempt_id{};
  Outcome outcome = Outcome::kComplete;  ///< One of kAttemptOutcomes.
  bool wants_another = false;            ///< The fetch goes on: pick the next candidate.
  uint64_t blocks_proven = 0;
  uint64_t body_bytes = 0;   ///< CAR bytes read from the L2.
  uint32_t duration_ms = 0;  ///< From the hand-off's arrival.
  Resume resume = {};        ///< Where the fetch has come to.
  /// Bytes of the fetch's output that this attempt brought first; 0 where no reader can have them
  /// since the output began anew.
  uint64_t used_bytes = 0;
  /// The blocks that it brought prove that the request's path does not exist; with kComplete alone.
  bool proves_path_missing = false;
  /// Where its proof came to a block that may not be served: the fetch ends so, whichever L2 is
  /// asked. With kCancelled alone.
  DeniedBy denied_by = {};
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id, m.attempt_id);
    f.one_of(kAttemptOutcomes, m.outcome);
    f(m.wants_another, m.blocks_proven, m.body_bytes, m.duration_ms, m.resume, m.used_bytes);
    f.since(7, m.proves_path_missing, m.denied_by);
  }
};

/// The source of a fetch stands still, though the worker reads: start another beside it. No reply
/// of its own: a Handoff may follow. The fetch goes on with its source meanwhile.
struct FetchStalled {
  uint64_t fetch_id = 0;
  Resume resume = {};  ///< Where the fetch has come to.
  static void fields(auto& m, auto&& f) { f(m.fetch_id, m.resume); }
};

/// The links of a block that a handed-off attempt has proven, where its request is for one block
/// alone (format=raw, or dag-scope=block): a client that walks block by block asks for them next.
/// Sent before the block's last byte goes to a client. No reply.
struct Links {
  Uuid attempt_id{};
  std::vector<uint64_t> keys = {};  ///< key_of_multihash() of each, at most kLinksMax.
  static void fields(auto& m, auto&& f) { f(m.attempt_id, m.keys); }
};

/// Gives an L2's connection back once the reply to its POST is fully written. Carries the socket.
struct ReturnSocket {
  uint64_t cookie = 0;           ///< SO_COOKIE of the socket that travels with this frame.
  std::vector<uint8_t> surplus;  ///< Bytes read past the end of the body.
  std::string address = {};      ///< That of the Handoff; empty: that of the socket.
  static void fields(auto& m, auto&& f) {
    f(m.cookie, m.surplus);
    f.since(7, m.address);
  }
};

/// The worker has put that list in force: it serves nothing that it denies.
struct DenylistTaken {
  uint64_t denylist_id = 0;
  static void fields(auto& m, auto&& f) { f(m.denylist_id); }
};

/// The worker has refused a request that a list denies, or has cut its answer. Sent at most once a
/// minute for each rule. Not where AttemptEnded or FetchFailed says so.
struct Denied {
  DeniedBy by = {};
  std::vector<uint8_t> root = {};  ///< The binary CID that was asked for.
  static void fields(auto& m, auto&& f) { f(m.by, m.root); }
};

/// Counters since the worker's start, and gauges; sent once a second.
struct WorkerStats {
  uint64_t requests = 0;    ///< Requests answered or aborted.
  uint64_t status_2xx = 0;  ///< 200, 206; complete ones only.
  uint64_t status_3xx = 0;
  uint64_t status_4xx = 0;
  uint64_t status_5xx = 0;
  uint64_t aborted = 0;      ///< Answers cut after their status went out.
  uint64_t client_left = 0;  ///< Requests whose client went first.
  uint64_t bytes_out = 0;    ///< Body bytes written to clients.
  uint64_t verify_failures = 0;
  uint32_t clients = 0;  ///< Connections open now.
  uint32_t fetches = 0;  ///< Fetches under way now.
  uint32_t descriptors = 0;
  uint64_t rss_bytes = 0;
  uint64_t joins = 0;   ///< Requests answered by a fetch that was under way in this worker.
  uint64_t spools = 0;  ///< Spools begun.
  uint64_t log_lines_dropped = 0;
  uint32_t loners = 0;        ///< Fetches under way of one slow reader each.
  uint64_t readers_left = 0;  ///< Slow readers that have left a shared fetch to go on alone.
  uint64_t readers_cut = 0;   ///< Readers that were cut since their slowness kept others waiting.
  uint64_t yields = 0;        ///< Fetches that have ended their sources until they have room.
  uint64_t shed = 0;          ///< Requests answered 503 at once, since too many are in flight.
  uint64_t directories = 0;   ///< Blocks fetched for the cache, since they lack what was asked for.
  uint64_t shed_busy = 0;     ///< Requests for which the worker was too busy (BusyLimit).
  uint64_t over_connections = 0;    ///< Connections beyond the bound of their address.
  uint64_t over_requests = 0;       ///< Requests answered 429: too many of one address at once.
  uint64_t over_rate = 0;           ///< Requests answered 429: too many of one address in a second.
  uint64_t proxies_refused = 0;     ///< Connections that were to bring a PROXY header.
  uint64_t handshakes_full = 0;     ///< TLS handshakes of clients that were done without a ticket.
  uint64_t handshakes_resumed = 0;  ///< Those done by a ticket.
  uint64_t handshakes_failed = 0;
  uint64_t denied = 0;          ///< Requests that were refused with 410, or cut, as denied.
  uint64_t denied_legally = 0;  ///< The same with 451, by a legal demand.
  static void fields(auto& m, auto&& f) {
    f(m.requests, m.status_2xx, m.status_3xx, m.status_4xx, m.status_5xx, m.aborted, m.client_left,
      m.bytes_out, m.verify_failures, m.clients, m.fetches, m.descriptors, m.rss_bytes, m.joins,
      m.spools, m.log_lines_dropped, m.loners, m.readers_left, m.readers_cut, m.yields);
    f.since(7, m.shed, m.directories, m.shed_busy, m.proxies_refused, m.over_connections,
            m.over_requests, m.over_rate, m.handshakes_full, m.handshakes_resumed,
            m.handshakes_failed, m.denied, m.denied_legally);
  }
};

/// Acknowledges a Broadcast once it has taken effect.
struct BroadcastDone {
  uint64_t broadcast_id = 0;
  static void fields(auto& m, auto&& f) { f(m.broadcast_id); }
};

// --- Both ways ---

struct Ping {
  uint64_t sequence = 0;
  static void fields(auto& m, auto&& f) { f(m.sequence); }
};

struct Pong {
  uint64_t sequence = 0;
  static void fields(auto& m, auto&& f) { f(m.sequence); }
};

// --- Broker to worker ---

/// Where the memory of a DenyTable is that the broker has written. It stays there until all workers
/// have taken a newer one.
struct DenylistPlace {
  uint64_t id = 0;  ///< Its DenylistId; 0: nothing is denied, and there is none.
  uint64_t bytes = 0;
  std::string path = {};  ///< Absolute.
  bool is_swept = false;  ///< No cached file has a block that it denies.
  static void fields(auto& m, auto&& f) { f(m.id, m.bytes, m.path, m.is_swept); }
  [[nodiscard]] bool operator==(const DenylistPlace&) const = default;
};

/// Puts another list in force. The worker replies DenylistTaken. Sent again, with `is_swept`, once
/// the cache has been looked through.
struct TakeDenylist {
  DenylistPlace denylist = {};
  static void fields(auto& m, auto&& f) { f(m.denylist); }
};

/// Admits the worker, which may then send Fetch. The first message in the form of its version.
struct Welcome {
  uint16_t version = kVersion;  ///< The version that both sides use from now on.
  std::string node_id = {};     ///< For Daphnis-Node-Id.
  std::string cache_dir = {};   ///< Absolute; empty: there is no cache.
  std::string spool_dir = {};   ///< Absolute; empty: there are no spools outside the cache.
  bool syncs_files = false;     ///< The worker is to fdatasync a spool before SpoolDone.
  std::string filter = {};      ///< Absolute path of a CountingBloomFilter's memory; empty: none.
  DenylistPlace denylist = {};  ///< What may not be served from the start.
  static void fields(auto& m, auto&& f) {
    f(m.version);
    f.use(m.version);
    f(m.node_id, m.cache_dir, m.spool_dir, m.syncs_files, m.filter);
    f.since(7, m.denylist);
  }
};

/// Refuses the worker; the connection closes after this.
struct Refused {
  std::string reason;
  static void fields(auto& m, auto&& f) { f(m.reason); }
};

/// Hands an L2's POST for an attempt, and its socket, to the worker, which parses from byte 0 of
/// `received`.
struct Handoff {
  uint64_t fetch_id = 0;
  Uuid attempt_id{};
  uint64_t cookie = 0;  ///< SO_COOKIE of the socket that travels with this frame.
  StreamShape shape = StreamShape::kExact;
  uint32_t attempt_number = 0;  ///< 1 for the fetch's first attempt.
  std::string l2_id;
  Admission admission = Admission::kNo;  ///< Whether the cache would keep the fetch's output.
  std::vector<uint8_t> received;  ///< All bytes the broker read: the head, and bytes behind it.
  std::string address = {};  ///< The L2's, without port: behind a proxy not that of the socket.
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id, m.attempt_id, m.cookie, m.shape, m.attempt_number, m.l2_id, m.admission,
      m.received);
    f.since(7, m.address);
  }
};

/// Another fetch could use the place that this handed-off attempt takes at its L2. The worker ends
/// the attempt, and what depends on it, where its readers have been very slow for long. No reply of
/// its own.
struct PlaceWanted {
  Uuid attempt_id{};
  static void fields(auto& m, auto&& f) { f(m.attempt_id); }
};

/// The L2 of this handed-off attempt is let in no more. The worker ends the attempt as cancelled,
/// and its fetch goes on with another L2. No reply of its own.
struct EndAttempt {
  Uuid attempt_id{};
  static void fields(auto& m, auto&& f) { f(m.attempt_id); }
};

/// The fetch is over without content, or without further content.
struct FetchFailed {
  uint64_t fetch_id = 0;
  Outcome reason = Outcome::kNotFound;  ///< One of kFetchOutcomes.
  uint32_t attempts = 0;                ///< Attempts made.
  uint32_t retry_after_s = 0;           ///< 0: none.
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id);
    f.one_of(kFetchOutcomes, m.reason);
    f(m.attempts, m.retry_after_s);
  }
};

/// What a Broadcast asks of every worker.
enum class BroadcastVerb : uint8_t {
  kDrain,     ///< Take no new connections, finish the requests under way, and end.
  kLogLevel,  ///< `argument` is debug, info, warn or error.
};
inline constexpr BroadcastVerb kBroadcastVerbLast = BroadcastVerb::kLogLevel;

/// Sent to all workers; each replies BroadcastDone.
struct Broadcast {
  uint64_t broadcast_id = 0;
  BroadcastVerb verb = BroadcastVerb::kDrain;
  std::string argument;
  static void fields(auto& m, auto&& f) { f(m.broadcast_id, m.verb, m.argument); }
};

/// Asks a worker to fetch an object for the cache, though no client wants it. There is no reply of
/// its own: a Fetch follows, unless the worker has that object or is fetching it.
struct Warm {
  CarRequest request = {};
  static void fields(auto& m, auto&& f) { f(m.request); }
};

/// A message of a set, its number on the wire, which is never given to another message of that set,
/// and the first version that has it (kVersionMin: all that are served).
template <uint8_t kWireNumber, class Message, uint16_t kFirstVersion = kVersionMin>
struct Numbered {
  using Type = Message;
  static constexpr uint8_t kNumber = kWireNumber;
  static constexpr uint16_t kSince = kFirstVersion;
};

/// The messages of one direction.
template <class... Entries>
struct MessageSet {
  using Variant = std::variant<typename Entries::Type...>;
  /// The number of each alternative of Variant.
  static constexpr std::array<uint8_t, sizeof...(Entries)> kNumbers = {Entries::kNumber...};
  /// The first version that has it.
  static constexpr std::array<uint16_t, sizeof...(Entries)> kSince = {Entries::kSince...};
};

using WorkerMessages = MessageSet<
    Numbered<0, Hello>, Numbered<1, Fetch>, Numbered<2, CancelFetch>, Numbered<3, HandoffTaken>,
    Numbered<4, AttemptEnded>, Numbered<5, ReturnSocket>, Numbered<6, WorkerStats>,
    Numbered<7, BroadcastDone>, Numbered<8, Ping>, Numbered<9, Pong>, Numbered<10, SpoolReserve>,
    Numbered<11, SpoolHeld>, Numbered<12, SpoolDone>, Numbered<13, SpoolGone>,
    Numbered<14, FetchProgress>, Numbered<15, CacheHits>, Numbered<16, CacheFault>,
    Numbered<17, Unlinked>, Numbered<18, Listening>, Numbered<19, ListenersWanted>,
    Numbered<20, ListenerTaken>, Numbered<21, Leaving>, Numbered<22, FetchStalled>,
    Numbered<23, Links, 7>, Numbered<24, DirectReady, 7>, Numbered<25, DirectDelivery, 7>,
    Numbered<26, AttemptQuestion, 7>, Numbered<27, DenylistTaken, 7>, Numbered<28, Denied, 7>>;
using BrokerMessages =
    MessageSet<Numbered<0, Welcome>, Numbered<1, Refused>, Numbered<2, Handoff>,
               Numbered<3, FetchFailed>, Numbered<4, Broadcast>, Numbered<5, Ping>,
               Numbered<6, Pong>, Numbered<7, SpoolReserved>, Numbered<8, SpoolStored>,
               Numbered<9, Unlink>, Numbered<10, SpoolWanted>, Numbered<11, JoinProgress>,
               Numbered<12, Warm>, Numbered<13, ListenerGiven>, Numbered<14, ListenersGiven>,
               Numbered<15, ListenerKept>, Numbered<16, ListenerRelease>, Numbered<17, PlaceWanted>,
               Numbered<18, EndAttempt, 7>, Numbered<19, AttemptOut, 7>,
               Numbered<20, AttemptOver, 7>, Numbered<21, DirectSocket, 7>,
               Numbered<22, AttemptAnswer, 7>, Numbered<23, TakeDenylist, 7>>;

using WorkerToBroker = WorkerMessages::Variant;
using BrokerToWorker = BrokerMessages::Variant;

}  // namespace daphnis::ipc
