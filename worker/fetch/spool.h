#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/ipc/ipc_messages.h"
#include "worker/base/file_jobs.h"
#include "worker/base/ids.h"
#include "worker/fetch/block_lister.h"
#include "worker/fetch/fetch_window.h"

namespace daphnis::worker {

/// What spools ask of their Worker.
class SpoolHost {
 public:
  virtual void tell(ipc::WorkerToBroker message) = 0;
  virtual void add_job(FileJob job) = 0;
  /// The spool may be over.
  virtual void look_at(SpoolNumber spool) = 0;

 protected:
  ~SpoolHost() = default;
};

/// Where spools lie and how they are named; from Welcome. Owned by the Worker.
struct SpoolFolders {
  std::string cache_dir;  ///< Empty: none.
  std::string spool_dir;  ///< Likewise.
  std::string name_prefix;
  bool syncs_files = false;

  [[nodiscard]] bool are_any() const { return !cache_dir.empty() || !spool_dir.empty(); }
  /// The folder for spools of that place; empty where there is none.
  [[nodiscard]] std::string folder(ipc::SpoolPlace place) const;
  /// A file of ours or of the cache, as far as its name tells.
  [[nodiscard]] bool contain(const std::string& path) const;
};

/// The temporary file of a fetch: proven output, written as it comes and readable at once. File
/// offsets are output offsets. Room is asked of the broker before it is used. Where the answer is
/// to be kept, the file ends with the cache's trailer and is handed to the broker. Trouble with the
/// disk only gives the spool up; what was written until then stays readable. Owned by the Worker,
/// until the broker's books know that it is gone or stored.
class Spool {
 public:
  enum class State : uint8_t {
    kReserving,  ///< No room yet.
    kNamed,      ///< The file is to be made with the first that is written.
    kCreating,
    kWriting,
    kSealing,  ///< The last of body and trailer are being written, and synced.
    kSealed,   ///< The broker has been told to store it.
    kStored,   ///< The file is the broker's.
    kGivenUp,  ///< Nothing more is written; the file is unlinked.
  };

  /// Spools output from `begin` on; is_for_cache only from 0.
  Spool(SpoolNumber number, const CarRequest& request, uint64_t begin, bool is_for_cache,
        const SpoolFolders& folders, SpoolHost& host);

  /// Asks for room and writes, as far as either is possible. `total`: the output's size, once the
  /// window holds its end. `is_urgent`: somebody waits for what is written, however little it is.
  void pump(const FetchWindow& window, std::optional<uint64_t> total, bool is_urgent,
            uint64_t now_ms);
  void on_reserved(const ipc::SpoolRoom& reserved);
  void on_job_done(const FileJobDone& done);
  void on_stored();
  /// Nothing more is to be written.
  void give_up();
  /// Nobody reads through this object any more, and no more output comes. A spool that does not
  /// hold all of it, or is not to be kept, is given up.
  void release();
  /// A new broker: tells it what there is.
  void on_broker_up();
  /// The last reference to the file has gone.
  void on_closed();
  /// Nothing is left of it but the broker's books.
  [[nodiscard]] bool is_over() const;

  [[nodiscard]] SpoolNumber number() const { return number_; }
  [[nodiscard]] State state() const { return state_; }
  /// The errno of what the disk refused; 0: nothing yet.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] uint64_t begin() const { return begin_; }
  /// Output in [begin(), written()) is in the file.
  [[nodiscard]] uint64_t written() const { return written_; }
  /// Null before the file is there.
  [[nodiscard]] const FileRef& file() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_for_cache() const { return is_for_cache_; }
  /// Output is still to be written: the window must keep it.
  [[nodiscard]] bool is_writing() const {
    return state_ <= State::kWriting || (state_ == State::kSealing && written_ < *total_);
  }
  /// On its way into the cache.
  [[nodiscard]] bool is_filling_cache() const { return is_for_cache_ && state_ < State::kStored; }
  /// Since when an answer about room is awaited; nothing where none is.
  [[nodiscard]] std::optional<uint64_t> asked_ms() const { return asked_ms_; }

 private:
  struct Write {
    uint64_t offset;
    uint64_t size;  ///< Of output; the trailer does not count.
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
  bool is_made_ = false;  ///< There was a file, so that there is one to close.
  bool is_closed_ = false;
  bool is_released_ = false;
  int error_ = 0;
  size_t jobs_ = 0;  ///< Under way.

  uint64_t reserved_ = 0;
  uint64_t asked_ = 0;  ///< Room asked for.
  std::optional<uint64_t> asked_ms_;

  BlockLister lister_;
  Slice trailer_;
  std::optional<uint64_t> total_;
  bool is_ended_ = false;  ///< The trailer has been submitted too.
  uint64_t submitted_;
  uint64_t written_;
  std::deque<Write> writes_;  ///< Writes under way, in order of offset.
  uint64_t in_flight_ = 0;    ///< Their bytes.
};

}  // namespace daphnis::worker
