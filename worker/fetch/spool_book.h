#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <vector>

#include "worker/base/agenda.h"
#include "worker/broker/broker_session.h"
#include "worker/fetch/spool.h"

namespace daphnis::worker {

/// All spools of a worker, from their first reservation until the broker knows that they are gone,
/// and the file jobs that the shell is to do. Owned by the Worker.
class SpoolBook final : private SpoolHost {
 public:
  /// `name_prefix` makes file names unlike those of other processes.
  SpoolBook(BrokerSession& broker, Numbers& numbers, std::string name_prefix);

  /// A broker has said where spools lie from now on; it is told of those that are open.
  void on_broker_up(const ipc::Welcome& welcome);

  /// Opens a spool for the fetch's output from byte `begin` on. Null where there is no folder for
  /// one, or kSpoolsPerWorkerMax are open.
  [[nodiscard]] Spool* open(FetchId fetch, const CarRequest& request, uint64_t begin,
                            bool is_for_cache);

  // Each of these returns the fetch whose spool has changed; none where there is no such spool.
  [[nodiscard]] FetchId on_reserved(const ipc::SpoolReserved& reserved);
  [[nodiscard]] FetchId on_stored(const ipc::SpoolStored& stored);
  [[nodiscard]] FetchId on_job_done(FileJobDone done);

  void add_job(FileJob job) override;
  [[nodiscard]] std::vector<FileJob> take_jobs() { return std::exchange(jobs_, {}); }

  /// Wraps a file so that the end of its last reference is noted under `number`.
  [[nodiscard]] FileRef track(FileRef file, SpoolNumber number);
  /// Forgets spools that are over, and tells the broker of those that it does not store.
  void remove_finished();

  [[nodiscard]] const SpoolFolders& folders() const { return folders_; }
  [[nodiscard]] bool is_empty() const { return spools_.empty(); }
  [[nodiscard]] uint64_t opened() const { return opened_; }

 private:
  struct Entry {
    std::unique_ptr<Spool> spool;
    FetchId fetch;
  };

  void tell(ipc::WorkerToBroker message) override { broker_.send(std::move(message)); }
  void look_at(SpoolNumber number) override { changed_.push_back(number); }
  [[nodiscard]] Entry* find(SpoolNumber number);

  BrokerSession& broker_;
  Numbers& numbers_;
  SpoolFolders folders_;
  absl::flat_hash_map<SpoolNumber, Entry> spools_;
  /// The numbers of files whose last reference is gone. Shared with the files, which the shell may
  /// hold longer than this object lives.
  std::shared_ptr<std::vector<SpoolNumber>> closed_ = std::make_shared<std::vector<SpoolNumber>>();
  std::vector<SpoolNumber> changed_;  ///< Spools that may be over.
  std::vector<FileJob> jobs_;
  uint64_t opened_ = 0;
};

}  // namespace daphnis::worker
