#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound in the product, with its unit in the name or the comment. A module that needs a
/// bound puts it here, under its own heading.
namespace daphnis::limits {

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;
inline constexpr size_t kGiB = 1024 * kMiB;

// --- Bytes in memory ---
inline constexpr size_t kPooledBufferBytes = 256 * kKiB;  ///< One read buffer.
inline constexpr size_t kPooledBuffersKept = 64;          ///< Idle buffers a pool keeps (16 MiB).

// --- Content (DESIGN 5) ---
inline constexpr size_t kBlockBytesMax = 2 * kMiB;        ///< One block, inclusive.
inline constexpr size_t kBlockSlicesMax = 64;             ///< Slices a held block may have.
inline constexpr size_t kCarHeaderBytesMax = 32 * kKiB;   ///< CARv1 header, varint excluded.
inline constexpr size_t kDigestBytesMin = 20;             ///< Any hash but identity.
inline constexpr size_t kDigestBytesMax = 128;            ///< Any hash, identity included.
inline constexpr size_t kCidBytesMax = 160;               ///< Version, codec, hash and digest.
inline constexpr size_t kCidTextMax = 1200;               ///< Longest text worth decoding (base2).
inline constexpr size_t kWalkDepthMax = 4096;             ///< Nodes from root to leaf.
inline constexpr size_t kWalkPendingBytesMax = 8 * kMiB;  ///< Links read but not yet visited.
inline constexpr size_t kWalkSeenBytesMax = 32 * kMiB;    ///< Memory of visited links.
inline constexpr uint64_t kOutputBytesMax = 64 * uint64_t{kGiB};  ///< One answer.
inline constexpr size_t kRepeatBytesMax = 64 * kMiB;  ///< Proven bytes kept to repeat them.

// --- Walk and verifier (DESIGN 5) ---
inline constexpr size_t kNodeNestingMax =
    1024;  ///< Maps and lists inside one another in one block.
inline constexpr uint64_t kHamtFanoutMax = 1024;      ///< Children of one HAMT shard.
inline constexpr size_t kRepeatSlicesPerCall = 1024;  ///< Repeats' slices put out by one call.

// --- HTTP (both sides) ---
inline constexpr size_t kHttpHeadBytesMax = 16 * kKiB;   ///< Request line and header fields.
inline constexpr size_t kHttpTargetBytesMax = 8 * kKiB;  ///< Request target; beyond: 414.
inline constexpr size_t kHttpHeadersMax = 100;           ///< Header fields; beyond: 431.
inline constexpr size_t kPathSegmentsMax = 256;          ///< Segments below the root CID.
inline constexpr size_t kRequestIdBytesMax = 64;         ///< X-Request-Id.

// --- L2s (DESIGN 3) ---
inline constexpr size_t kL2IdBytesMax = 64;
inline constexpr uint32_t kL2CapacityDefault = 3;  ///< Attempts at once at one L2.
inline constexpr uint32_t kL2CapacityMax = 256;

// --- Worker-broker messages (DESIGN 4) ---
inline constexpr size_t kIpcFrameBytesMax = 256 * kKiB;  ///< One message; beyond: disconnect.
inline constexpr size_t kIpcGatherBytesMax = 64 * kKiB;  ///< Sent in one write.
inline constexpr size_t kIpcQueueBytesMax = 16 * kMiB;   ///< Unsent bytes; beyond: disconnect.
inline constexpr size_t kHandoffsAwaitingMax = 256;      ///< Sent, not yet taken; beyond: 503.
inline constexpr uint64_t kIpcPingEveryMs = 5'000;       ///< A worker's pings.
inline constexpr uint64_t kWorkerPingEveryMs = 250;      ///< The broker's, to who says nothing.
inline constexpr uint64_t kWorkerUnansweredMs = 750;     ///< Since a ping: another stands in.

// --- Listening sockets (docs/ipc.md) ---
inline constexpr size_t kListenersMax = 1024;           ///< Copies the broker keeps.
inline constexpr size_t kListenersPerSlotMax = 4;       ///< Of one worker's number.
inline constexpr uint64_t kListenerUnservedMs = 5'000;  ///< Without a worker: closed.
inline constexpr uint64_t kListenerWaitMs = 1'000;      ///< For the broker's; then one is bound.

// --- HTTP parser ---
inline constexpr size_t kHttpMethodBytesMax = 32;         ///< Longest method token read.
inline constexpr size_t kHttpChunkLineBytesMax = kKiB;    ///< Chunk size, extensions, line ends.
inline constexpr size_t kHttpTrailerBytesMax = 4 * kKiB;  ///< All trailer fields of a message.
inline constexpr size_t kHttpInterimResponsesMax = 8;     ///< 1xx before one final response.
inline constexpr size_t kFileNameBytesMax = 255;          ///< `filename=` of a query.
inline constexpr size_t kFileNamePartBytesMax = 100;      ///< A path's part of a file name.
inline constexpr size_t kHttpQueryFieldsMax = 64;         ///< Parameters of one query.

// --- Broker: registrations, dispatch, holdings ---
inline constexpr size_t kL2sMax = 20'000;                 ///< Registered at once; beyond: 503.
inline constexpr size_t kL2ConnectionsMax = 65'536;       ///< Open at once; beyond: closed.
inline constexpr size_t kRingNodesPerL2 = 64;             ///< Virtual nodes at weight 1.
inline constexpr size_t kFetchesMax = 65'536;             ///< Under way; beyond: kOverloaded.
inline constexpr size_t kCandidatesMax = 32;              ///< Distinct L2s asked for one fetch.
inline constexpr uint32_t kTriesMax = 3;                  ///< Silent, failed or lying ones of them.
inline constexpr size_t kL2QueueMax = 1024;               ///< Fetches that wait for one L2.
inline constexpr size_t kL2UnsentBytesMax = 64 * kKiB;    ///< Lines or answers an L2 has not taken.
inline constexpr size_t kL2UnsentBytesPerPlace = kKiB;    ///< More of them, for each of its places.
inline constexpr uint64_t kL2BehindMs = 1'000;            ///< Has taken nothing so long: no order.
inline constexpr size_t kAttemptsRememberedMax = 65'536;  ///< Finished ids.
inline constexpr uint64_t kAttemptRememberedMs = 60'000;
inline constexpr size_t kHoldingsPerL2Max = 100'000;  ///< Roots one L2 may announce.
inline constexpr size_t kHoldingsMax = 2'000'000;     ///< Announced roots of all L2s.
inline constexpr size_t kHoldersPerRootMax = 64;
inline constexpr size_t kL2sPerAddress = 4'096;            ///< An IPv4 address or a /64 of IPv6.
inline constexpr size_t kL2ConnectionsPerAddress = 8'192;  ///< Likewise; open at once.
inline constexpr size_t kHoldingsPerAddress = 500'000;     ///< Likewise; of all its L2s.
inline constexpr size_t kL2OriginsMax = 64;                ///< Web pages an operator lets through.
inline constexpr size_t kProofsWaitingMax = 65'536;    ///< Files to be proven; keys of 32 bytes.
inline constexpr uint64_t kIdContestedMs = 1'200'000;  ///< Taken over again within: two nodes.
inline constexpr size_t kHoldingsLineBytesMax = 64 * kKiB;
inline constexpr size_t kHoldingsBodyBytesMax = 16 * kMiB;
inline constexpr size_t kHoldingsDepthMax = 16;  ///< JSON nesting in a line.
inline constexpr size_t kRegisteredBytesMax =
    64 * kKiB;                                      ///< What may follow a registration's head.
inline constexpr size_t kDrainBytesMax = 1 * kMiB;  ///< Read after an early answer (4a).
inline constexpr size_t kWorkersMax = 1024;
inline constexpr size_t kAdminConnectionsMax = 64;
inline constexpr size_t kStatsQueueBytesMax = 64 * kKiB;  ///< Stats lines not yet written.

// --- Worker ---
inline constexpr size_t kLingerBytesMax =
    1 * kMiB;                                 ///< Read and thrown away after an early answer.
inline constexpr uint64_t kLingerMs = 1'000;  ///< Likewise, in time.
inline constexpr size_t kRequestBodyBytesMax =
    64 * kKiB;  ///< A client's request body; thrown away.
inline constexpr size_t kClientUnreadBytesMax =
    16 * kKiB;                                    ///< Pipelined input held; then no reads.
inline constexpr size_t kOutputPinnedFactor = 8;  ///< Pinned memory per queued byte allowed.
inline constexpr size_t kReturnSurplusBytesMax =
    64 * kKiB;                                        ///< Past a body; beyond: not given back.
inline constexpr size_t kScratchBytes = 16 * kKiB;    ///< One read of what is not kept.
inline constexpr uint64_t kBrokerRetryFirstMs = 100;  ///< Then doubled up to the largest.
inline constexpr uint64_t kBrokerRetryMaxMs = 2'000;
inline constexpr uint64_t kBrokerSilentMs = 20'000;  ///< Without a word: the connection is dropped.
inline constexpr uint64_t kDeadlineGraceMs = 1'000;  ///< Left to the broker to say so itself.
inline constexpr uint64_t kL2TailMs = 1'000;         ///< From the walk's end to the body's end.

// --- Logs ---
inline constexpr size_t kLogBufferBytesMax = 1 * kMiB;  ///< Lines held while stderr takes none.

// --- Reference L2 (daphnis-l2) ---
inline constexpr size_t kOrderLineBytesMax = 64 * kKiB;  ///< One order line; longer ones are junk.
inline constexpr size_t kOrdersQueuedMax = 256;          ///< Orders beyond the capacity, per L1.
inline constexpr uint64_t kRegistrationAnswerMs =
    10'000;  ///< Connect, resolve, head of the answer.
inline constexpr uint64_t kRegistrationSilenceMs = 15'000;  ///< Three heartbeats: a dead L1.
inline constexpr uint64_t kReconnectFirstMs = 1'000;        ///< First back-off window.
inline constexpr uint64_t kReconnectMaxMs = 30'000;         ///< Largest back-off window.
inline constexpr uint64_t kRegistrationHealthyMs =
    10'000;                                              ///< Lived so long: back-off starts over.
inline constexpr uint64_t kRetryAfterMaxMs = 600'000;    ///< Longest Retry-After believed.
inline constexpr size_t kHoldingsPerLine = 128;          ///< CIDs on one line of POST /holdings.
inline constexpr size_t kHoldingsPerPost = 4096;         ///< CIDs in one POST /holdings.
inline constexpr size_t kUploadTurnBytes = 1 * kMiB;     ///< Made ahead of the socket, twice.
inline constexpr uint64_t kUploadRetryBytes = 4 * kMiB;  ///< Lost on a kept connection: once more.
inline constexpr uint64_t kUploadStallMs = 600'000;      ///< An L1 that takes no byte so long.
inline constexpr uint64_t kUploadAnswerMs = 60'000;      ///< From the last byte to the status.
inline constexpr uint64_t kUploadIdleMs = 30'000;        ///< Idle connection kept for the next one.
inline constexpr uint64_t kHoldingsAnswerMs = 30'000;    ///< Connect, send, answer.
inline constexpr size_t kUnpackNodeBytesMax = 64 * kMiB;  ///< Blocks held on the way down.
inline constexpr size_t kUnpackLeavesKept = 1'000'000;    ///< Leaves remembered, about 80 MiB.
inline constexpr uint64_t kL2DrainMs = 10'000;            ///< Uploads may go on after SIGTERM.
inline constexpr size_t kStoreFilesMax = 1'000'000;       ///< CAR files of one store.
inline constexpr size_t kStoreOpenFilesMax = 128;         ///< Descriptors kept open for reading.
inline constexpr uint64_t kStoreRescanMs = 10'000;  ///< Where the folder's events do not tell.
inline constexpr uint64_t kStoreSettleMs = 200;     ///< From the folder's event to the look.
inline constexpr uint64_t kCarCutMs = 60'000;  ///< Cut so long after its last change: it stays.
inline constexpr uint64_t kCarPaddingLookedAtBytes = 16 * kMiB;  ///< Zeros in search of a section.
inline constexpr size_t kCarOddSectionsMax = 4096;     ///< In a row; what follows is not looked at.
inline constexpr size_t kRefusalBytesMax = 4 * kKiB;   ///< Read of what an L1 says to a refusal.
inline constexpr uint64_t kRefusalWaitMs = 1'000;      ///< For that to come.
inline constexpr uint64_t kIdContestFirstMs = 10'000;  ///< Least wait after losing the own id; then
inline constexpr uint64_t kIdContestMaxMs = 600'000;   ///< doubled up to this, until a registration
inline constexpr uint64_t kIdContestOverMs = 1'800'000;  ///< has lasted so long.

// --- Cache (DESIGN 7) ---
inline constexpr size_t kCacheBlockListBytesMax = 16 * kMiB;  ///< A file's list of blocks.
inline constexpr size_t kCacheRequestBytesMax = 64 * kKiB;    ///< A file's canonical request.
inline constexpr size_t kCacheSumsBytesMax = 16 * kMiB;       ///< A file's sums: those of 1 TiB.
inline constexpr size_t kCacheWaitingMax = 4096;              ///< Reservations waiting for room.
inline constexpr uint64_t kReservationWaitMs = 5'000;    ///< For a reservation; then it is refused.
inline constexpr size_t kSpoolsPerWorkerMax = 16'384;    ///< Open at once.
inline constexpr uint64_t kSpoolFailuresLogMs = 10'000;  ///< Between two lines of the log.
inline constexpr uint64_t kCacheExpireEveryMs = 60'000;
inline constexpr size_t kCacheExpireAtOnce = 1'000;
inline constexpr size_t kCacheListEntries = 1'000;  ///< Listed at once, about 250 KiB of text.
inline constexpr size_t kWarmsWaitingMax = 100'000;
inline constexpr size_t kWarmsPerSecond = 16;
inline constexpr size_t kSpoolNameBytesMax = 128;
inline constexpr size_t kSpoolReadersMax = 64;     ///< Workers that read another's spool.
inline constexpr size_t kFollowersMax = 65'536;    ///< Fetches that wait for another worker's.
inline constexpr size_t kGroupsEndedMax = 16'384;  ///< Fetches that are over, still joinable,
inline constexpr uint64_t kGroupEndedMs = 10'000;  ///< for so long.
inline constexpr uint64_t kAdmitSmallBytesMax = 1 * kMiB;  ///< Of Admission::kIfSmall.
inline constexpr uint64_t kSpoolStepBytes = 8 * kMiB;      ///< Room is reserved in such steps.
inline constexpr uint64_t kJoinStepBytes = 1 * kMiB;       ///< Progress is reported so often,
inline constexpr uint64_t kAskAgainMs = 300;               ///< A broker without L2s, in mid-answer.
inline constexpr uint64_t kJoinEveryMs = 10;               ///< or so often.
inline constexpr size_t kCacheHitsMax = 1024;              ///< Keys of one CacheHits.
inline constexpr size_t kUnlinkKeysMax = 1024;             ///< Keys of one Unlink.
inline constexpr size_t kFetchWindowBytesMax = 4 * kMiB;   ///< Proven bytes a fetch holds.
inline constexpr size_t kFetchWindowsBytesMax = 64 * kMiB;  ///< Likewise, those nobody waits for.
inline constexpr size_t kFilePieceBytesMax = 2 * kMiB;      ///< Of a file to a socket at once.
inline constexpr size_t kSpoolPieceBytesMin = 256 * kKiB;   ///< Less waits for more.
inline constexpr size_t kSpoolPieceBytesMax = 2 * kMiB;     ///< Of one write.
inline constexpr size_t kSpoolInFlightBytesMax = 4 * kMiB;  ///< Of one spool, being written.
inline constexpr size_t kSpoolJobsAtOnce = 2;               ///< Of the thread pool's four.
inline constexpr size_t kSpoolGatherBytesMax = 64 * kKiB;   ///< Of a file that waits for others.
inline constexpr size_t kSpoolGatherJobs = 32;              ///< Done together by one thread.
inline constexpr uint64_t kSpoolGatherMs = 5;               ///< For others that may wait too.
inline constexpr uint64_t kSpoolRoomMs = 10'000;            ///< For the broker to make room.
inline constexpr uint64_t kSpoolLingerMs = 1'000;           ///< For followers to open a whole one.
inline constexpr size_t kFileProbeBytes = 256 * kKiB;       ///< One probe in so many bytes.
inline constexpr size_t kCacheLooksMax = 256;               ///< For files; beyond: missed.
inline constexpr uint64_t kCacheLookMs = 2'000;             ///< A disk that takes longer: missed.
inline constexpr uint64_t kCacheHitsEveryMs = 1'000;        ///< CacheHits are sent so often.
inline constexpr uint64_t kUnlinkedEveryMs = 100;           ///< Unlinked files are looked at again.
inline constexpr size_t kOpenFilesMax = 1024;               ///< Cached files a worker holds open.
inline constexpr size_t kOpenFileIndexesBytesMax = 32 * kMiB;  ///< All their indexes of blocks.
inline constexpr size_t kSubDagStepBytes = 256 * kKiB;         ///< Of such an answer made at once.
inline constexpr size_t kMemoriesMax = 8'192;                  ///< Heads whose decision is known.
inline constexpr size_t kMemoryBytesMax = 512;                 ///< Of one such head.
inline constexpr size_t kOpenFileBodyBytesMax = 64 * kKiB;     ///< A cached body kept in memory.
inline constexpr size_t kOpenFileBodiesBytesMax = 64 * kMiB;   ///< All of them.

// --- Cache folder ---
inline constexpr size_t kFolderTasksMax = 1 << 20;  ///< Given and not yet carried out.
inline constexpr size_t kFolderStepFiles = 256;     ///< Files of one turn in the thread pool.
inline constexpr size_t kFilesFoundMax = 1024;      ///< Entries of one FilesFound.
inline constexpr size_t kQuarantineFilesMax = 64;   ///< Corrupt files kept to be looked at,
inline constexpr uint64_t kQuarantineBytesMax = 256 * kMiB;  ///< and their bytes.
inline constexpr size_t kSnapshotEntriesPerTurn = 1024;      ///< Written at once.
inline constexpr uint64_t kSnapshotBytesMax = 1 * kGiB;      ///< A larger one is not read.
inline constexpr size_t kScrubPieceBytes = 1 * kMiB;         ///< Read at once by the scrubber.
inline constexpr size_t kScrubSampleFiles = 64;              ///< Re-verified first after a start.
inline constexpr uint64_t kFolderSilentMs = 10'000;  ///< A disk that answers no sooner is down.

}  // namespace daphnis::limits
