#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/uv/folder/cache_folder.h"
#include "broker/uv/folder/folder_probe.h"
#include "tests/fakes/cached_files.h"

namespace daphnis::broker::uv::test {

using daphnis::test::cached_dag;
using daphnis::test::CachedFile;
using daphnis::test::in_version_1;

/// A temporary folder, removed at the end.
struct TempFolder {
  TempFolder();
  ~TempFolder();
  std::string path;
};

/// A tmpfs with these mount options, unmounted at the end. Needs root.
struct SmallDisk {
  explicit SmallDisk(const std::string& options);
  ~SmallDisk();
  void remount(const std::string& options);
  TempFolder folder;
  const std::string& path = folder.path;
};

/// A CacheFolder, and all events that it has reported.
class Rig {
 public:
  explicit Rig(const std::string& path, uint64_t scrub_bytes_per_s = 0);

  Result<void> open() { return folder->open(); }
  /// Opens and waits for the first scan.
  void start();
  /// Ends the folder, with all that is under way.
  void stop();
  /// Ends the folder and starts it again, as a restarted broker does.
  void restart();

  /// Turns the loop until `holds`; fails the test after some seconds.
  void until(const std::function<bool()>& holds);
  void until_idle();
  /// Turns the loop until nothing is under way in the thread pool. Nothing will be before the loop
  /// turns again, so a test may change the files.
  void until_pool_idle();
  void for_ms(uint64_t ms);

  /// Puts the file into tmp/, under a living worker's name, and adds the task that stores it.
  void store(const CachedFile& file, uint64_t number = 1, std::optional<Uuid> block_secret = {});
  /// Stores the file and waits for the event.
  FileStored stored(const CachedFile& file);
  void unlink(const RequestKey& key, uint64_t deferred_free = 1);

  [[nodiscard]] std::string object(const CachedFile& file) const;
  [[nodiscard]] bool has(const CachedFile& file) const;
  [[nodiscard]] size_t files_in(const std::string& name) const;
  [[nodiscard]] std::optional<CacheEntry> found_entry(const RequestKey& key) const;
  /// A source of the entries found, in the place of the core's index.
  [[nodiscard]] CacheFolder::EntrySource source();

  daphnis::uv::Loop loop;
  std::string path;
  CacheFolder::Settings settings;
  std::unique_ptr<CacheFolder> folder;

  std::vector<CacheEntry> found;
  size_t scans = 0;
  std::vector<FileStored> stored_events;
  std::vector<uint64_t> deferred_frees;
  std::vector<FileCorrupt> corrupt;
  std::vector<FileProven> proven;
  std::vector<BlocksListed> listed;
  std::vector<FolderHealth> health;

 private:
  void on_event(FolderEvent&& event);
};

void write_file(const std::string& path, Bytes bytes);
/// Changes one byte in place.
void rot(const std::string& path, uint64_t at);

}  // namespace daphnis::broker::uv::test
