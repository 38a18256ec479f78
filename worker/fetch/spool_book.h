#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <vector>

#include "worker/base/agenda.h"
#include "worker/broker/broker_session.h"
#include "worker/fetch/spool.h"

namespace daphnis::worker {

/// All spools of a worker, from their first reservation until the broker's books are closed, and
/// the work on files that is to be done. Owned by the Worker.
class SpoolBook final : private SpoolHost {
 public:
  /// `name_prefix` makes the names of files unlike those of other processes.
  SpoolBook(BrokerSession& broker, std::string name_prefix);

  /// A broker has welcomed us: where spools lie from now on. Tells it of those that are open.
  void on_broker_up(const ipc::Welcome& welcome);

  /// Null where there is no place for spools, or too many are open. `number` is drawn from the
  /// Worker's numbers.
  [[nodiscard]] Spool* open(SpoolNumber number, FetchId fetch, const CarRequest& request,
                            uint64_t begin, bool is_for_cache);

  // Each of these returns the fetch whose spool has moved; 0 where there is none.
  [[nodiscard]] FetchId on_reserved(const ipc::SpoolRoom& reserved);
  [[nodiscard]] FetchId on_stored(const ipc::SpoolStored& stored);
  [[nodiscard]] FetchId on_job_done(FileJobDone done);

  void add_job(FileJob job) override;
  [[nodiscard]] std::vector<FileJob> take_jobs() { return std::exchange(jobs_, {}); }

  /// A file whose last reference's end is noticed, under any number.
  [[nodiscard]] FileRef track(FileRef file, SpoolNumber number);
  /// Closes the books on what is gone.
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
  SpoolFolders folders_;
  absl::flat_hash_map<SpoolNumber, Entry> spools_;
  /// Numbers of files that nobody refers to any more. Shared with the files, which may outlive all
  /// else in the shell's hands.
  std::shared_ptr<std::vector<SpoolNumber>> closed_ = std::make_shared<std::vector<SpoolNumber>>();
  std::vector<SpoolNumber> changed_;  ///< Spools that may be over.
  std::vector<FileJob> jobs_;
  uint64_t opened_ = 0;
};

}  // namespace daphnis::worker
