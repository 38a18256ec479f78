#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/cache_types.h"
#include "common/base/limits.h"
#include "common/base/uuid.h"
#include "common/denylist/deny_table.h"

/// The tasks that the broker's core gives its cache folder, and the events that the folder reports.
/// The folder (broker/folder decides, broker/uv/folder does the work) carries tasks out in the
/// order they were given, one at a time, in the thread pool, so the unlink of an evicted file never
/// takes away a file that was stored under the same name later. A simulation keeps the files in
/// memory instead.
namespace daphnis::broker {

inline constexpr size_t kBlocksListedMax = 16'384;  ///< Blocks in one BlocksListed.
/// The longest trailer whose blocks FileStored tells, with about 75 blocks; it is read with the
/// footer, at no cost of its own.
inline constexpr size_t kStoredTrailerBytesMax = 4 * limits::kKiB;

// --- Tasks ---

/// Renames tmp/NAME to the key's file under objects/. FileStored reports the end.
struct StoreFile {
  SpoolId spool;
  std::string name;
  RequestKey key{};
  uint64_t size = 0;                      ///< The bytes that the file must have.
  std::optional<Uuid> block_secret = {};  ///< For the blocks' keys; nullopt: nobody wants them.
};
/// Unlinks the keys' files under objects/; a missing file counts as unlinked. FilesUnlinked reports
/// the end.
struct UnlinkFiles {
  uint64_t deferred_free = 0;
  std::vector<RequestKey> keys;
};
/// Unlinks files in tmp/ or in the spool folder: those of a worker that died, or of a spool that is
/// not kept. FilesUnlinked reports the end where the task belongs to a deferred free.
struct UnlinkSpools {
  std::vector<std::string> paths;
  uint64_t deferred_free = 0;
};
/// Moves the key's file to quarantine/, or unlinks it where the move fails. No event follows.
struct Quarantine {
  RequestKey key{};
  std::string reason;
};
/// Makes the scrubber prove the key's file before all others. FileProven or FileCorrupt reports the
/// end; neither comes where the folder goes down first or where nothing is scrubbed.
struct ProveFile {
  RequestKey key{};
};
/// Reads which blocks the key's file lists, in its turn after all such tasks before it.
/// BlocksListed reports them; it does not come where the folder goes down first.
struct ListBlocks {
  RequestKey key{};
  Uuid secret{};  ///< For the blocks' keys.
  /// Null, or what judges the file; its blocks are not reported then.
  std::shared_ptr<const DenyTable> judge = {};
};
/// Sets how fast the scrubber reads. No event follows.
struct SetScrub {
  uint64_t bytes_per_s = 0;  ///< 0: no scrubbing.
};

using FolderTask =
    std::variant<StoreFile, UnlinkFiles, UnlinkSpools, Quarantine, ProveFile, ListBlocks, SetScrub>;

// --- Events ---

struct FileStored {
  SpoolId spool;
  RequestKey key{};
  bool is_stored = false;
  std::string why;  ///< The reason, where the file is not stored.
  /// What ListBlocks would report; nullopt where the blocks are not wanted, or the file's trailer
  /// is longer than kStoredTrailerBytesMax.
  std::optional<std::vector<BlockKey>> blocks = {};
};
struct FilesUnlinked {
  uint64_t deferred_free = 0;
};
/// Entries that a scan found: the one at the start, or one after the folder came back.
struct FilesFound {
  std::vector<CacheEntry> entries;
  /// Files that the scan removed since they are no valid ones. Workers may have them open, and the
  /// index may know them from a store that ended while the scan was under way.
  std::vector<RequestKey> lost = {};
  /// The scan is over: an entry of the index that no FilesFound and no FileStored has named since
  /// the scan began has no file any more.
  bool is_last = false;
};
/// The scrubber read a file that does not hold what its name and trailer say.
struct FileCorrupt {
  RequestKey key{};
  std::string why;
};
/// The scrubber has read a file to its end, be it by ProveFile or in its own rounds.
struct FileProven {
  RequestKey key{};
  bool is_good = false;  ///< The file is proven. False: it was gone, or could not be opened.
};
/// Blocks that a file lists. A file that is gone, cannot be read or keeps no list has none.
struct BlocksListed {
  RequestKey key{};
  std::vector<BlockKey> blocks;  ///< At most kBlocksListedMax.
  bool is_last = false;          ///< The file's other blocks were in earlier events.
  /// Whether the file may be served, where ListBlocks was to judge it.
  enum class Verdict : uint8_t {
    kNone,    ///< It was not.
    kMay,     ///< Also of a file that is gone.
    kDenied,  ///< Also of a file that keeps no list, of which nobody can say.
  };
  Verdict verdict = Verdict::kNone;
  Denial denial = {};  ///< With kDenied; rule 0: nobody can say.
};
/// The folder cannot store files (disk full, read-only, I/O error, folder gone), or can again.
/// While the folder is down the broker admits nothing and places spools in the spool folder.
struct FolderHealth {
  bool is_up = false;
  std::string why;
};

using FolderEvent = std::variant<FileStored, FilesUnlinked, FilesFound, FileCorrupt, FileProven,
                                 BlocksListed, FolderHealth>;

}  // namespace daphnis::broker
