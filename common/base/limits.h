#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound in the product, with its unit in its name: Bytes, Ms, Max (a count). A module that
/// needs a bound puts it here, under its own heading.
namespace daphnis::limits {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;
inline constexpr size_t kGiB = 1024 * kMiB;

// --- Bytes in memory ---
inline constexpr size_t kPooledBufferBytes = 256 * kKiB;  ///< One read buffer.
inline constexpr size_t kPooledBuffersKept = 64;  ///< Idle buffers that a pool keeps (16 MiB).

// --- Content (DESIGN 5) ---
inline constexpr size_t kBlockBytesMax = 2 * kMiB;  ///< A block of this size is still accepted.
inline constexpr size_t kBlockSlicesMax = 64;       ///< Slices a held block may have.
inline constexpr size_t kCarHeaderBytesMax = 32 * kKiB;  ///< A CARv1 header, without its varint.
inline constexpr size_t kDigestBytesMin = 20;            ///< Of any hash but identity.
inline constexpr size_t kDigestBytesMax = 128;           ///< Of any hash, identity included.
inline constexpr size_t kCidBytesMax = 160;    ///< Version, codec, hash and digest of a CID.
inline constexpr size_t kCidTextMax = 1200;    ///< The longest text that is decoded (base2).
inline constexpr size_t kWalkDepthMax = 4096;  ///< Nodes from root to leaf.
inline constexpr size_t kWalkPendingBytesMax = 8 * kMiB;  ///< Links read but not yet visited.
inline constexpr size_t kWalkSeenBytesMax = 32 * kMiB;    ///< The set of visited links.
inline constexpr uint64_t kOutputBytesMax = 64 * uint64_t{kGiB};  ///< The output of one request.
inline constexpr size_t kRepeatBytesMax = 64 * kMiB;  ///< Proven bytes kept to repeat them.

// --- Walk and verifier (DESIGN 5) ---
inline constexpr size_t kNodeNestingMax = 1024;       ///< Depth of maps and lists in one block.
inline constexpr uint64_t kHamtFanoutMax = 1024;      ///< Children of one HAMT shard.
inline constexpr size_t kRepeatSlicesPerCall = 1024;  ///< Slices of repeats that one call puts out.

// --- HTTP (both sides) ---
inline constexpr size_t kHttpHeadBytesMax = 16 * kKiB;   ///< Request line and header fields.
inline constexpr size_t kHttpTargetBytesMax = 8 * kKiB;  ///< A request target; beyond: 414.
inline constexpr size_t kHttpHeadersMax = 100;           ///< Header fields; beyond: 431.
inline constexpr size_t kPathSegmentsMax = 256;          ///< Segments behind the root CID.
inline constexpr size_t kRequestIdBytesMax = 64;         ///< X-Request-Id.
inline constexpr size_t kAddressRangesMax = 256;         ///< Ranges of addresses in one setting.

// --- L2s (DESIGN 3) ---
inline constexpr size_t kL2IdBytesMax = 64;
inline constexpr uint32_t kL2CapacityDefault = 3;  ///< Attempts at once at one L2.
inline constexpr uint32_t kL2CapacityMax = 256;
/// The rest of a POST that nobody waits for is read to its end, so that its connection goes on,
/// where a Content-Length says that it is no longer than this.
inline constexpr uint64_t kReadOutBytesMax = 64 * uint64_t{kKiB};

// --- Tokens of L2s (DESIGN 3) ---
inline constexpr size_t kL2TokenBytesMax = 256;            ///< A longer text is no token.
inline constexpr size_t kL2TokenSecretsMax = 16;           ///< Secrets in force at once.
inline constexpr size_t kL2TokenSecretBytesMin = 32;       ///< Of one secret, as it is written.
inline constexpr size_t kL2TokenSecretBytesMax = 512;      ///< The same.
inline constexpr size_t kL2TokenFileBytesMax = 16 * kKiB;  ///< A file of secrets, or of a token.
inline constexpr size_t kL2ListMax = 200'000;              ///< Lines that a list of L2s may have.
inline constexpr size_t kL2ListFileBytesMax = 16 * kMiB;   ///< The file of such a list.
/// Retry-After for an L2 that lacks what only its owner can give it.
inline constexpr uint32_t kLongRetryAfterS = 3'600;

// --- TLS ---
inline constexpr size_t kTlsCertificatesMax = 64;       ///< Certificates of one server.
inline constexpr size_t kTlsChainMax = 8;               ///< What leads from one to its CA.
inline constexpr size_t kTlsCaCertificatesMax = 1'024;  ///< CAs that are trusted.
inline constexpr size_t kTlsFileBytesMax = 4 * kMiB;    ///< One file of certificates, or a key.
inline constexpr size_t kTicketKeysMax = 16;            ///< Keys of session tickets in force.
inline constexpr size_t kTlsReadBytes = 256 * kKiB;     ///< One read of records.
inline constexpr size_t kTlsRecordBytes = 16 * kKiB;    ///< The content of one record.
/// From a connection to the end of its handshake; then it is closed.
inline constexpr uint64_t kTlsHandshakeMs = 10'000;
/// Connections in their handshakes; beyond, the oldest is closed.
inline constexpr size_t kTlsHandshakesMax = 4'096;
/// Steps of handshakes in one turn of the loop, some 0.5 ms each; others wait for the next.
inline constexpr size_t kTlsHandshakeStepsPerTurn = 16;
inline constexpr uint64_t kTlsFailuresLogMs = 10'000;  ///< Between two log lines.

// --- What may not be served (common/denylist) ---
inline constexpr size_t kDenyFilesMax = 64;              ///< Files of --denylist.
inline constexpr size_t kDenyHeaderBytesMax = 1 * kMiB;  ///< As the format says.
inline constexpr size_t kDenyLineBytesMax = 2 * kMiB;    ///< The same.
inline constexpr uint32_t kDenyLinesMax = 200'000'000;   ///< Of all files together.
inline constexpr size_t kDenyRulesMax = 50'000'000;      ///< The same; 24 bytes of memory each.
inline constexpr size_t kDenyPrefixBytesMax = 1'024;     ///< A rule's path before its "*".
inline constexpr size_t kDenyHashFunctionsMax = 3;       ///< Besides SHA-256.

// --- Worker-broker messages (DESIGN 4) ---
inline constexpr size_t kIpcFrameBytesMax = 256 * kKiB;  ///< One message; beyond: disconnect.
inline constexpr size_t kIpcGatherBytesMax = 64 * kKiB;  ///< Frames written together.
inline constexpr size_t kIpcQueueBytesMax = 16 * kMiB;   ///< Unsent bytes; beyond: disconnect.
/// Hand-offs sent to one worker that it has not taken yet; beyond: 503.
inline constexpr size_t kHandoffsAwaitingMax = 256;
inline constexpr uint64_t kIpcPingEveryMs = 5'000;  ///< Between a worker's pings.
/// Time between the broker's pings to a silent worker.
inline constexpr uint64_t kWorkerPingEveryMs = 250;
/// A worker that has not replied to a ping for so long is replaced at its listeners.
inline constexpr uint64_t kWorkerUnansweredMs = 750;

// --- Listening sockets (docs/ipc.md) ---
inline constexpr size_t kListenersMax = 1024;      ///< Sockets that the broker keeps copies of.
inline constexpr size_t kListenAddressesMax = 8;   ///< Addresses that one worker listens on.
inline constexpr size_t kListenersPerSlotMax = 4;  ///< Copies for a worker's number and address.
/// A copy is closed after so long without a worker that serves it.
inline constexpr uint64_t kListenerUnservedMs = 5'000;
/// A worker waits so long for the broker's copies; then it binds a socket itself.
inline constexpr uint64_t kListenerWaitMs = 1'000;

// --- HTTP parser ---
inline constexpr size_t kHttpMethodBytesMax = 32;  ///< The longest method token.
/// A chunk's size, extensions and line ends.
inline constexpr size_t kHttpChunkLineBytesMax = kKiB;
inline constexpr size_t kHttpTrailerBytesMax = 4 * kKiB;  ///< All trailer fields of a message.
inline constexpr size_t kHttpInterimResponsesMax = 8;     ///< 1xx responses before a final one.
inline constexpr size_t kFileNameBytesMax = 255;          ///< The `filename=` of a query.
inline constexpr size_t kFileNamePartBytesMax = 100;      ///< A path segment used in a file name.
inline constexpr size_t kHttpQueryFieldsMax = 64;         ///< Parameters of one query.

// --- Broker: registrations, dispatch, holdings ---
inline constexpr size_t kL2sMax = 20'000;  ///< L2s registered at once; beyond: 503.
/// Registrations a second, beyond the first kL2sMax of a crowd; more are answered 503.
inline constexpr uint64_t kRegistrationsPerS = 2'000;
inline constexpr size_t kL2ConnectionsMax = 65'536;  ///< Connections at once; beyond: closed.
inline constexpr size_t kRingNodesPerL2 = 64;        ///< Virtual nodes at weight 1.
inline constexpr size_t kFetchesMax = 65'536;        ///< Fetches under way; beyond: kOverloaded.
inline constexpr size_t kCandidatesMax = 32;         ///< Distinct L2s asked for one fetch.
inline constexpr uint32_t kTriesMax = 3;             ///< Silent, failed or lying L2s for one fetch.
inline constexpr size_t kL2QueueMax = 1024;          ///< Fetches that wait for a place at one L2.
/// Order lines or replies that an L2 has not taken.
inline constexpr size_t kL2UnsentBytesMax = 64 * kKiB;
/// Further such bytes for each place of an L2.
inline constexpr size_t kL2UnsentBytesPerPlace = kKiB;
/// An L2 that has taken no byte so long gets no order.
inline constexpr uint64_t kL2BehindMs = 1'000;
inline constexpr size_t kAttemptsRememberedMax = 65'536;  ///< Ids of finished attempts.
inline constexpr uint64_t kAttemptRememberedMs = 60'000;
inline constexpr size_t kHoldingsPerL2Max = 100'000;  ///< Roots that one L2 may announce.
inline constexpr size_t kHoldingsMax = 2'000'000;     ///< Announced roots of all L2s.
inline constexpr size_t kHoldersPerRootMax = 64;
inline constexpr size_t kL2sPerAddress = 4'096;            ///< An address is an IPv4 one or a /64.
inline constexpr size_t kL2ConnectionsPerAddress = 8'192;  ///< Connections at once, per address.
/// Roots announced by all L2s of an address.
inline constexpr size_t kHoldingsPerAddress = 500'000;
inline constexpr size_t kL2OriginsMax = 64;  ///< Web pages that may use the L2 port.
/// Files that wait to be proven; 32 bytes each.
inline constexpr size_t kProofsWaitingMax = 65'536;
/// An id that changes hands again within this time belongs to two nodes.
inline constexpr uint64_t kIdContestedMs = 1'200'000;
inline constexpr size_t kHoldingsLineBytesMax = 64 * kKiB;
inline constexpr size_t kHoldingsBodyBytesMax = 16 * kMiB;
inline constexpr size_t kHoldingsDepthMax = 16;  ///< JSON nesting in a line.
/// Bytes that may follow a registration's head.
inline constexpr size_t kRegisteredBytesMax = 64 * kKiB;
inline constexpr size_t kDrainBytesMax = 1 * kMiB;  ///< Read and dropped after an early reply (4a).
inline constexpr size_t kWorkersMax = 1024;
inline constexpr size_t kAdminConnectionsMax = 64;

// --- Broker: relays ---
/// Bytes that one direction of a relay holds; beyond, its source is not read.
inline constexpr size_t kRelayBytesMax = 256 * kKiB;
inline constexpr uint64_t kRelayLingerMs = 2'000;  ///< From one side's end to the other's.

// --- Proxies in front ---
/// From a proxy's connection to the end of its PROXY header; then it is closed.
inline constexpr uint64_t kProxyHeaderMs = 5'000;
/// Connections that wait for their PROXY header; beyond, the oldest is closed.
inline constexpr size_t kProxyHeadersAwaitedMax = 1'024;
inline constexpr uint64_t kProxyRefusalsLogMs = 10'000;  ///< Between two log lines.

// --- TLS ---
inline constexpr size_t kClientHelloBytesMax = 16 * kKiB;  ///< With the heads of its records.
/// From a connection's begin to the end of its ClientHello; then it is closed.
inline constexpr uint64_t kClientHelloMs = 5'000;
/// Connections that wait for their ClientHello; beyond, the oldest is closed.
inline constexpr size_t kClientHellosAwaitedMax = 1'024;
inline constexpr uint64_t kClientHellosLogMs = 10'000;  ///< Between two log lines of refused ones.

// --- Direct deliveries: POSTs of L2s that come to the worker itself (docs/ipc.md) ---
/// Connections of L2s that wait for such a POST, or are between two; beyond, the one that has been
/// idle longest is closed.
inline constexpr size_t kDirectConnectionsMax = 1'024;
/// From a connection's handshake, or from a head's first byte, to the head's end.
inline constexpr uint64_t kDirectHeadMs = 10'000;
/// Such a connection is kept so long between two POSTs: longer than L2s keep it (kUploadIdleMs), so
/// that none is closed under a POST on its way.
inline constexpr uint64_t kDirectIdleMs = 35'000;
/// Attempts of which a worker knows that a POST may come; one beyond goes by the broker.
inline constexpr size_t kDirectAttemptsMax = 65'536;

// --- Worker ---
/// Networks of clients whose requests are counted; those of a further one are not bounded.
inline constexpr size_t kClientNetworksMax = 65'536;
/// Connections of one network beyond its bound that are told so; further ones are closed at once.
inline constexpr size_t kTurnedAwayPerNetworkMax = 16;
inline constexpr size_t kLingerBytesMax = 1 * kMiB;  ///< Read and dropped after an early answer.
inline constexpr uint64_t kLingerMs = 1'000;         ///< The same bound in time.
/// A client's request body, which is dropped.
inline constexpr size_t kRequestBodyBytesMax = 64 * kKiB;
/// Pipelined input that is held; beyond: no reads.
inline constexpr size_t kClientUnreadBytesMax = 16 * kKiB;
inline constexpr size_t kOutputPinnedFactor = 8;  ///< Pinned bytes of memory per queued byte.
/// Bytes read past a body; beyond: the socket is not returned.
inline constexpr size_t kReturnSurplusBytesMax = 64 * kKiB;
inline constexpr size_t kScratchBytes = 16 * kKiB;    ///< One read of bytes that are not kept.
inline constexpr uint64_t kBrokerRetryFirstMs = 100;  ///< The first wait; each next one is doubled.
inline constexpr uint64_t kBrokerRetryMaxMs = 2'000;  ///< The longest wait.
inline constexpr uint64_t kBrokerSilentMs = 20'000;   ///< Then the worker drops the connection.
/// Time after a deadline in which the broker may report it.
inline constexpr uint64_t kDeadlineGraceMs = 1'000;
inline constexpr uint64_t kL2TailMs = 1'000;  ///< From the end of the walk to the end of the body.

// --- Logs ---
inline constexpr size_t kLogBufferBytesMax = 1 * kMiB;  ///< Lines held while stderr takes none.

// --- Reference L2 (daphnis-l2) ---
/// One order line; a longer one is skipped.
inline constexpr size_t kOrderLineBytesMax = 64 * kKiB;
inline constexpr size_t kOrdersQueuedMax = 256;  ///< Orders beyond the capacity, per L1.
/// Time to resolve and connect, and for the head of the reply.
inline constexpr uint64_t kRegistrationReplyMs = 10'000;
/// Three heartbeats; then the L1 counts as dead.
inline constexpr uint64_t kRegistrationSilenceMs = 15'000;
inline constexpr uint64_t kReconnectFirstMs = 1'000;  ///< The first back-off window.
inline constexpr uint64_t kReconnectMaxMs = 30'000;   ///< The largest back-off window.
/// After a registration this long, back-off starts anew.
inline constexpr uint64_t kRegistrationHealthyMs = 10'000;
inline constexpr uint64_t kRetryAfterMaxMs = 600'000;  ///< The longest Retry-After that is obeyed.
inline constexpr size_t kHoldingsPerLine = 128;        ///< CIDs on one line of POST /holdings.
inline constexpr size_t kHoldingsPerPost = 4096;       ///< CIDs in one POST /holdings.
inline constexpr size_t kUploadTurnBytes = 1 * kMiB;  ///< Made at once, up to two such turns ahead.
/// Bytes lost on a reused connection; an upload that lost more is not retried.
inline constexpr uint64_t kUploadRetryBytes = 4 * kMiB;
inline constexpr uint64_t kUploadStallMs = 600'000;  ///< Without a byte that the L1 takes.
inline constexpr uint64_t kUploadIdleMs = 30'000;    ///< An idle connection is kept for so long.
/// Time to connect and send, and for the reply.
inline constexpr uint64_t kHoldingsReplyMs = 30'000;
/// Blocks held from the root down to a leaf.
inline constexpr size_t kUnpackNodeBytesMax = 64 * kMiB;
/// Leaves whose place is remembered, about 80 MiB.
inline constexpr size_t kUnpackLeavesKept = 1'000'000;
/// An order's dataUrl: the scheme, a host name, a port and a slash.
inline constexpr size_t kDataUrlBytesMax = 268;
/// By default, to resolve a data URL's name, connect, and shake hands; then the delivery goes to
/// the L1's own port. By then an L1 asks another L2 beside this one (--first-byte-ms).
inline constexpr uint64_t kDataUrlReachMs = 800;
/// Data URLs below a domain where one could not be reached are not used for so long.
inline constexpr uint64_t kDataUrlAvoidMs = 60'000;
inline constexpr size_t kDataDomainsMax = 16;        ///< Such domains that are remembered, per L1.
inline constexpr uint64_t kL2DrainMs = 10'000;       ///< Uploads may go on so long after SIGTERM.
inline constexpr size_t kStoreFilesMax = 1'000'000;  ///< CAR files of one store.
inline constexpr size_t kStoreOpenFilesMax = 128;    ///< Descriptors kept open for reading.
/// The store is scanned after so long where the folder reports no change.
inline constexpr uint64_t kStoreRescanMs = 10'000;
inline constexpr uint64_t kStoreQuietMs = 200;  ///< A file unchanged for so long is read.
/// A file that is cut and has not changed for so long is used as it is.
inline constexpr uint64_t kCarCutMs = 60'000;
/// Zero bytes that are read in search of a next section.
inline constexpr uint64_t kCarPaddingLookedAtBytes = 16 * kMiB;
inline constexpr size_t kCarOddSectionsMax = 4096;    ///< In a row; beyond: the rest is not read.
inline constexpr size_t kRefusalBytesMax = 4 * kKiB;  ///< Of an L1's text on a refusal.
inline constexpr uint64_t kRefusalWaitMs = 1'000;     ///< To wait for that text.
/// The first wait after another node took the id.
inline constexpr uint64_t kIdContestFirstMs = 10'000;
/// The longest such wait; each next one is doubled.
inline constexpr uint64_t kIdContestMaxMs = 600'000;
/// The least wait after an L1 did not find the token good; the file may hold another one then.
inline constexpr uint64_t kBadTokenWaitMs = 60'000;
/// After a registration this long, the waits start anew.
inline constexpr uint64_t kIdContestOverMs = 1'800'000;

// --- Cache (DESIGN 7) ---
inline constexpr size_t kCacheBlockListBytesMax = 16 * kMiB;  ///< A file's list of blocks.
inline constexpr size_t kCacheRequestBytesMax = 64 * kKiB;    ///< A file's canonical request.
inline constexpr size_t kCacheSumsBytesMax = 16 * kMiB;       ///< A file's sums: those of 1 TiB.
inline constexpr size_t kCacheWaitingMax = 4096;  ///< Reservations that wait for disk space.
/// A reservation waits so long, then it is refused.
inline constexpr uint64_t kReservationWaitMs = 5'000;
inline constexpr size_t kSpoolsPerWorkerMax = 16'384;    ///< Open at once.
inline constexpr uint64_t kSpoolFailuresLogMs = 10'000;  ///< Between two log lines.
inline constexpr uint64_t kCacheExpireEveryMs = 60'000;  ///< Between two searches for unused files.
inline constexpr size_t kCacheExpireAtOnce = 1'000;      ///< Files removed by one such search.
inline constexpr size_t kCacheListEntries = 1'000;       ///< Listed at once, about 250 KiB of text.
inline constexpr size_t kWarmsWaitingMax = 100'000;      ///< Objects that wait to be warmed.
inline constexpr size_t kWarmsPerSecond = 16;
inline constexpr size_t kSpoolNameBytesMax = 128;
inline constexpr size_t kFollowersMax = 65'536;  ///< Fetches that follow another worker's.
/// Groups that have ended and may still be joined.
inline constexpr size_t kGroupsEndedMax = 16'384;
inline constexpr uint64_t kGroupEndedMs = 10'000;  ///< An ended group may be joined for so long.
/// Admission::kIfSmall admits outputs up to this size.
inline constexpr uint64_t kAdmitSmallBytesMax = 1 * kMiB;
inline constexpr uint64_t kSpoolStepBytes = 8 * kMiB;  ///< Disk space is reserved in such steps.
inline constexpr uint64_t kJoinStepBytes = 1 * kMiB;  ///< Progress is reported after so many bytes.
/// Progress is reported after this time at the latest.
inline constexpr uint64_t kJoinEveryMs = 10;
/// A worker waits so long before it asks for a fetch again while no L2 is registered.
inline constexpr uint64_t kAskAgainMs = 300;
inline constexpr size_t kCacheHitsMax = 1024;             ///< Keys in one CacheHits.
inline constexpr size_t kUnlinkKeysMax = 1024;            ///< Keys in one Unlink.
inline constexpr size_t kFetchWindowBytesMax = 4 * kMiB;  ///< Proven bytes that one fetch holds.
/// Proven bytes that all fetches hold; beyond: their windows are shorter.
inline constexpr size_t kFetchWindowsBytesMax = 64 * kMiB;
/// Such bytes from which on what is not cached is answered 503.
inline constexpr size_t kFetchWindowsShedBytes = 512 * kMiB;
inline constexpr size_t kFilePieceBytesMax = 2 * kMiB;     ///< Of a file, sent to a socket at once.
inline constexpr size_t kSpoolPieceBytesMin = 256 * kKiB;  ///< A write waits until it has so many.
inline constexpr size_t kSpoolPieceBytesMax = 2 * kMiB;    ///< One write of a spool.
inline constexpr size_t kSpoolInFlightBytesMax = 4 * kMiB;  ///< Bytes of one spool being written.
inline constexpr size_t kSpoolJobsAtOnce = 2;  ///< Jobs at once, of four threads in the pool.
/// A whole file of at most this size is written together with others.
inline constexpr size_t kSpoolGatherBytesMax = 64 * kKiB;
inline constexpr size_t kSpoolGatherJobs = 32;  ///< Small files that one thread writes together.
inline constexpr uint64_t kSpoolGatherMs = 5;   ///< How long a small file waits for others.
/// How long a spool waits for a reservation.
inline constexpr uint64_t kSpoolReservationMs = 10'000;
inline constexpr uint64_t kSpoolLingerMs = 1'000;  ///< How long a whole spool waits for followers.
/// The page cache is probed once per so many bytes.
inline constexpr size_t kFileProbeBytes = 256 * kKiB;
inline constexpr size_t kCacheLooksMax = 256;    ///< Look-ups of files at once; beyond: a miss.
inline constexpr uint64_t kCacheLookMs = 2'000;  ///< The longest look-up; beyond: a miss.
inline constexpr uint64_t kCacheHitsEveryMs = 1'000;  ///< Between two CacheHits.
inline constexpr uint64_t kUnlinkedEveryMs = 100;     ///< Between two checks of unlinked files.
inline constexpr size_t kOpenFilesMax = 1024;         ///< Cached files a worker holds open.
inline constexpr size_t kOpenFileIndexesBytesMax = 32 * kMiB;  ///< Block indexes of all open files.
inline constexpr size_t kSubDagStepBytes = 256 * kKiB;         ///< Made at once of a sub-DAG hit.
inline constexpr size_t kMemosMax = 8'192;    ///< Request heads whose handling is remembered.
inline constexpr size_t kMemoBytesMax = 512;  ///< The text of one such head.
inline constexpr size_t kOpenFileBodyBytesMax = 64 * kKiB;    ///< A cached body kept in memory.
inline constexpr size_t kOpenFileBodiesBytesMax = 64 * kMiB;  ///< All such bodies.

// --- Cache folder ---
inline constexpr size_t kFolderTasksMax = 1 << 20;  ///< Given and not yet carried out.
inline constexpr size_t kFolderStepFiles = 256;  ///< Files handled by one turn in the thread pool.
inline constexpr size_t kFilesFoundMax = 1024;   ///< Entries in one FilesFound.
inline constexpr size_t kQuarantineFilesMax = 64;            ///< Corrupt files kept for inspection.
inline constexpr uint64_t kQuarantineBytesMax = 256 * kMiB;  ///< The bytes of those files.
inline constexpr size_t kSnapshotEntriesPerTurn = 1024;      ///< Entries written at once.
inline constexpr uint64_t kSnapshotBytesMax = 1 * kGiB;      ///< A larger one is not read.
inline constexpr size_t kScrubPieceBytes = 1 * kMiB;         ///< Bytes the scrubber reads at once.
inline constexpr size_t kScrubSampleFiles = 64;      ///< Files verified first after a start.
inline constexpr uint64_t kFolderSilentMs = 10'000;  ///< A disk that needs longer counts as down.

}  // namespace daphnis::limits
