#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "common/base/logfmt.h"
#include "common/base/result.h"
#include "l2/core/block_index.h"
#include "l2/core/holdings.h"
#include "l2/disk/car_file.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// The CARs of a folder (names ending in .car in any case, versions 1 and 2, no sub-folders) as one
/// set of blocks. A block is hashed when it is first read, and not again while its file does not
/// change: so indexing reads little more than the sections' heads, and every block that read()
/// returns has been proven. Bytes of a file that are no usable block are passed over and logged. A
/// file that is cut is not used while it may still grow, that is, until kCarCutMs after its last
/// change; then its whole blocks are used, but none of its roots is announced. All calls block and
/// belong in a thread pool: scan() in one thread at a time, read() in any number. Owned by `serve`.
class Store {
 public:
  explicit Store(std::string folder) : folder_(std::move(folder)) {}
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  struct ScanReport {
    Holdings holdings;  ///< Roots that exist in their file. Null where nothing has changed.
    /// All that is served lies in files that are whole and have a root among these.
    bool is_complete = false;
    bool has_more = false;          ///< The turn's time was over before all files were indexed.
    bool is_being_written = false;  ///< A file is still being written: scan again soon.
    std::vector<std::pair<LogLevel, LogLine>> notes = {};
  };
  /// Brings the index up to date with the folder; works for about a second at a time.
  [[nodiscard]] ScanReport scan();
  /// Makes a scan under way, and all later ones, return soon. May be called in any thread.
  void stop() { is_stopping_ = true; }

  /// The block's bytes, proven. Errors: kNotFound; kSystem.
  [[nodiscard]] Result<Slice> read(const Cid& cid);

  struct Totals {
    uint64_t files = 0;
    uint64_t blocks = 0;
    uint64_t damaged_blocks = 0;  ///< Blocks read that did not have their CID's digest.
  };
  [[nodiscard]] Totals totals() const;

 private:
  enum class FileState : uint8_t { kNew, kUsed, kGrowing, kUnusable };
  /// One name in the folder.
  struct Known {
    FileStamp stamp;
    FileState state = FileState::kNew;
    uint32_t id = 0;  ///< The file's number in the index; a new one each time the file is read.
    std::vector<Cid> roots = {};
    bool is_seen = false;
  };
  /// A file that the index points into.
  struct Indexed {
    std::string path;
    FileStamp stamp;
  };

  /// Entries of the folder that are not read, without those of hidden names.
  struct PassedOver {
    uint64_t folders = 0;
    uint64_t other_names = 0;  ///< Files whose names do not end in .car.
    uint64_t no_files = 0;     ///< Sockets, devices, links that lead nowhere.
    uint64_t too_many = 0;     ///< CARs beyond kStoreFilesMax.

    [[nodiscard]] bool operator==(const PassedOver&) const = default;
  };

  [[nodiscard]] bool list_folder(ScanReport& report);
  /// True where the entry is a CAR by its name and kind; counts it in `passed_over` where it is
  /// not.
  [[nodiscard]] static bool is_car(int folder, const char* name, struct stat& status,
                                   PassedOver& passed_over);
  void tell_passed_over(const PassedOver& now, ScanReport& report);
  void index_file(const std::string& name, Known& known, ScanReport& report);
  [[nodiscard]] Result<CarFile::Contents> read_file(const std::string& path, Known& known,
                                                    uint32_t id);
  void forget_missing();
  [[nodiscard]] std::shared_ptr<const File> open(uint32_t id);
  [[nodiscard]] Result<Slice> read_candidate(const Cid& cid,
                                             const BlockIndex::Candidate& candidate);

  const std::string folder_;
  std::atomic<bool> is_stopping_ = false;

  // Used by scan() alone.
  std::map<std::string, Known> known_;
  std::vector<uint32_t> gone_;
  uint32_t next_id_ = 1;
  bool has_changed_ = true;
  bool could_list_ = true;
  PassedOver passed_over_;  ///< The counts that were logged last.

  mutable std::shared_mutex mutex_;  // guards the next three members
  BlockIndex index_;
  std::map<uint32_t, Indexed> files_;
  std::atomic<uint64_t> damaged_blocks_ = 0;

  std::mutex open_mutex_;  // guards open_files_; no other lock is taken while it is held
  /// Most recently used first.
  std::list<std::pair<uint32_t, std::shared_ptr<const File>>> open_files_;
};

}  // namespace daphnis::l2
