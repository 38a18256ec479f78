#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/cache_types.h"

/// What the broker's core and its cache folder say to each other. The folder (broker/uv/folder)
/// carries orders out in the order they were given, one at a time, in a thread of its own, so a
/// file that is stored again after its eviction is never taken away by the eviction's unlink. A
/// simulation keeps the files in memory instead.
namespace daphnis::broker {

// --- Orders ---

/// tmp/NAME becomes the key's file under objects/. Answered by FileStored.
struct StoreFile {
  SpoolId spool;
  std::string name;
  RequestKey key{};
  uint64_t size = 0;  ///< The file must have it.
};
/// Answered by FilesUnlinked. What is not there counts as unlinked.
struct UnlinkFiles {
  uint64_t deferred_free = 0;
  std::vector<RequestKey> keys;
};
/// Files in tmp/ (or in the spool folder) of a worker that died, or of a spool that is not kept.
/// Answered by FilesUnlinked where it is for a deferred free.
struct UnlinkSpools {
  std::vector<std::string> paths;
  uint64_t deferred_free = 0;
};
/// Moves the key's file to quarantine/, or unlinks it where that fails. No answer.
struct Quarantine {
  RequestKey key{};
  std::string reason;
};
/// The key's file is to be proven before all others. Answered by FileProven or FileCorrupt; by
/// nothing where the folder goes down before, or where nothing is scrubbed.
struct ProveFile {
  RequestKey key{};
};
/// After the limit, the expiry or the scrubber's budget changed. No answer.
struct SetScrub {
  uint64_t bytes_per_s = 0;  ///< 0: no scrubbing.
};

using FolderTask =
    std::variant<StoreFile, UnlinkFiles, UnlinkSpools, Quarantine, ProveFile, SetScrub>;

// --- Events ---

struct FileStored {
  SpoolId spool;
  RequestKey key{};
  bool is_stored = false;
  std::string why;  ///< Where it is not.
};
struct FilesUnlinked {
  uint64_t deferred_free = 0;
};
/// The start-up scan (or one after the folder came back) found these.
struct FilesFound {
  std::vector<CacheEntry> entries;
  bool is_last =
      false;  ///< The scan is over: what the index holds of before and was not found is gone.
};
/// The scrubber read a file that is not what it says it is.
struct FileCorrupt {
  RequestKey key{};
  std::string why;
};
/// The scrubber has come to the end of a file, asked to or not.
struct FileProven {
  RequestKey key{};
  bool is_good = false;  ///< It is what it must be. False: it was gone, or could not be opened.
};
/// Nothing can be stored (disk full, read-only, I/O error, folder gone), or it can again. While it
/// is down the broker admits nothing and places spools in the spool folder.
struct FolderHealth {
  bool is_up = false;
  std::string why;
};

using FolderEvent =
    std::variant<FileStored, FilesUnlinked, FilesFound, FileCorrupt, FileProven, FolderHealth>;

}  // namespace daphnis::broker
