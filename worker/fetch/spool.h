#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/denylist/deny_table.h"
#include "common/ipc/ipc_messages.h"
#include "worker/base/file_jobs.h"
#include "worker/base/ids.h"
#include "worker/fetch/block_lister.h"
#include "worker/fetch/fetch_window.h"

namespace daphnis::worker {

/// The functions that a spool needs of its owner.
class SpoolHost {
 public:
  virtual void tell(ipc::WorkerToBroker message) = 0;
  virtual void add_job(FileJob job) = 0;
  /// The spool may be over: is_over() is to be asked before long.
  virtual void look_at(SpoolNumber spool) = 0;

 protected:
  ~SpoolHost() = default;
};

/// The folders of spools, from Welcome, and the prefix of their names. Owned by the SpoolBook.
struct SpoolFolders {
  std::string cache_dir;  ///< Empty where there is no cache.
  std::string spool_dir;  ///< Empty where there is no such folder.
  std::string name_prefix;
  bool syncs_files = false;

  [[nodiscard]] bool are_any() const { return !cache_dir.empty() || !spool_dir.empty(); }
  /// The folder for spools of that place; empty where there is none.
  [[nodiscard]] std::string folder(ipc::SpoolPlace place) const;
  /// True where `path` lies in one of the folders.
  [[nodiscard]] bool contain(const std::string& path) const;
};

/// The temporary file of a fetch: proven output, written as it comes and readable at once. Offsets
/// in the file are offsets in the output. The broker is asked for a reservation of disk space
/// before any is used. Where the answer is to be cached, the file ends with the cache's trailer and
/// is handed to the broker. An error of the disk makes the spool give up; what was written before
/// stays readable. Owned by the SpoolBook until the broker knows that the file is gone or has
/// stored it.
class Spool {
 public:
  enum class State : uint8_t {
    kReserving,  ///< No space is reserved yet.
    kNamed,      ///< The file has a name; the first write creates it.
    kCreating,
    kWriting,
    kSealing,  ///< The last of body and trailer is being written and synced.
    kSealed,   ///< The broker has been told to store the file.
    kStored,   ///< The broker has stored the file.
    kGivenUp,  ///< Nothing more is written, and the file is unlinked.
  };

  /// Spools the output from byte `begin` on. `is_for_cache` only where `begin` is 0.
  Spool(SpoolNumber number, const CarRequest& request, uint64_t begin, bool is_for_cache,
        const SpoolFolders& folders, SpoolHost& host);

  /// Asks for reservations and writes, as far as either is possible. `total` is the output's size,
  /// once the window holds its end. `is_urgent` says that a reader waits for what is written,
  /// however little it is.
  void pump(const FetchWindow& window, std::optional<uint64_t> total, bool is_urgent,
            uint64_t now_ms);
  void on_reserved(const ipc::SpoolReserved& reserved);
  void on_job_done(const FileJobDone& done);
  void on_stored();
  /// Stops writing and unlinks the file. Does nothing from kSealed on.
  void give_up();
  /// The fetch is done with the spool: it brings no more output and reads no more here. A spool
  /// that does not hold all of the output, or is not for the cache, gives up.
  void release();
  /// A new broker has come: tells it of the file and asks again.
  void on_broker_up();
  /// The last reference to the file is gone.
  void on_closed();
  /// True where only the broker's books still know of the spool.
  [[nodiscard]] bool is_over() const;

  /// The list that denies nothing of the output, for the broker.
  void set_judged_by(DenylistId id) { judged_by_ = id; }

  [[nodiscard]] SpoolNumber number() const { return number_; }
  [[nodiscard]] State state() const { return state_; }
  /// The errno of the disk's first error; 0 where there was none.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] uint64_t begin() const { return begin_; }
  /// Output bytes [begin(), written()) are in the file.
  [[nodiscard]] uint64_t written() const { return written_; }
  /// The file; null before it is created.
  [[nodiscard]] const FileRef& file() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_for_cache() const { return is_for_cache_; }
  /// True while output is still to be written, so that the window must keep it.
  [[nodiscard]] bool is_writing() const {
    return state_ <= State::kWriting || (state_ == State::kSealing && written_ < *total_);
  }
  /// True while the file is on its way into the cache.
  [[nodiscard]] bool is_filling_cache() const { return is_for_cache_ && state_ < State::kStored; }
  /// The time since which a reservation is awaited; nothing where none is.
  [[nodiscard]] std::optional<uint64_t> asked_ms() const { return asked_ms_; }

 private:
  struct Write {
    uint64_t offset;
    uint64_t size;  ///< Bytes of output; the trailer does not count.
    bool is_done = false;
  };

  void list(const FetchWindow& window);
  void reserve(uint64_t now_ms);
  void write(const FetchWindow& window, bool is_urgent);
  void write_part(const FetchWindow& window, uint64_t size, bool is_end, bool is_urgent);
  void on_created(const FileJobDone& done);
  void on_written(const FileJobDone& done);
  void give_up_for(int error);
  void unlink();
  void say_done();
  void add_job(FileJob job);

  SpoolNumber number_;
  const SpoolFolders& folders_;
  SpoolHost& host_;
  CarRequest request_;
  uint64_t begin_;
  bool is_for_cache_;
  State state_ = State::kReserving;

  ipc::SpoolPlace place_ = ipc::SpoolPlace::kCache;
  std::string name_;
  std::string path_;
  FileRef file_;
  bool is_made_ = false;  ///< The file was created, so that it must be closed.
  bool is_closed_ = false;
  bool is_released_ = false;
  int error_ = 0;
  size_t jobs_ = 0;  ///< File jobs under way.

  uint64_t reserved_ = 0;
  uint64_t asked_ = 0;  ///< Bytes of the reservation that is awaited.
  std::optional<uint64_t> asked_ms_;

  DenylistId judged_by_ = 0;
  BlockLister lister_;
  Slice trailer_;
  std::optional<uint64_t> total_;
  bool is_ended_ = false;  ///< The last write, with the trailer, has been submitted.
  uint64_t submitted_;
  uint64_t written_;
  std::deque<Write> writes_;  ///< Writes under way, by offset.
  uint64_t in_flight_ = 0;    ///< Bytes of output in writes_.
};

}  // namespace daphnis::worker
