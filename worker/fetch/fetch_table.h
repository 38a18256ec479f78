#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/network.h"
#include "worker/base/settings.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/loners.h"

namespace daphnis::worker {

/// Directories that a worker fetches for the cache at once, since they lack what was asked for.
inline constexpr size_t kDirectoriesAtOnceMax = 32;

/// The fetches of a worker, found by their number, by the content that they get, and by the
/// question that they asked last. A fetch lives from begin() to erase() or drop_if_unwanted(), and
/// has no readers when it dies, so that a reader may point to it. The fetches of the requests that
/// may wait (Settings::requests_max), those that warm the cache, and those whose spools other
/// workers read bound the table. Proofs give it their output, for the fetch that they
/// feed.
/// Owned by the Worker.
class FetchTable final : public ProofListener {
 public:
  /// All of these must outlive this object.
  FetchTable(FetchContext& context, Numbers& numbers, const Settings& settings)
      : context_(context), numbers_(numbers), settings_(settings) {}

  /// Begins a fetch, for which the broker is asked. Readers of its content join it from now on, and
  /// no older one. `key` is that of `wanted`; `trace_id` is the first client's request id, and
  /// `client` its network, or 0.
  Fetch& begin(CarRequest wanted, const RequestKey& key, std::string trace_id, Network client,
               uint64_t now_ms);
  /// True where look_up() may be called: there is a cache, and a broker that knows such questions.
  [[nodiscard]] bool may_look_up() const;
  /// Begins a fetch of its one reader, for which the broker is asked and no L2: it fails where the
  /// cache lacks the content. Only where may_look_up().
  Fetch& look_up(CarRequest wanted, const RequestKey& key, std::string trace_id, uint64_t now_ms);
  /// Asks the broker, or waits broker_wait_ms for one that is away. Where the broker's word on the
  /// last question was wrong (`must_not_join`), the question gets a new number, since more messages
  /// about the last one may be on their way. So it does where output has begun: another worker's
  /// file cannot carry on with it.
  void ask(Fetch& fetch, bool must_not_join, uint64_t now_ms);
  /// Lets the fetch's stragglers go on alone, or cuts them where the bounds for loners are reached.
  void part(Fetch& fetch, uint64_t now_ms);
  /// Destroys a fetch, which has no readers.
  void erase(const Fetch& fetch);
  /// Cancels and destroys the fetch where it is wanted no more. To be called after anything that
  /// may have ended it or taken its last reader.
  void drop_if_unwanted(Fetch& fetch, uint64_t now_ms);

  /// The fetch of that number; null where there is none.
  [[nodiscard]] Fetch* find(FetchId id) const;
  /// The fetch whose last question has that number; null where there is none.
  [[nodiscard]] Fetch* find_asked(QuestionId question_id) const;
  /// The fetch of that content that a new reader can join; null where there is none.
  [[nodiscard]] Fetch* find_joinable(const RequestKey& key) const;
  /// True where a fetch gets that content, be it too late to join it.
  [[nodiscard]] bool is_under_way(const RequestKey& key) const { return by_key_.contains(key); }

  // ProofListener
  void on_proof_output(Proof& proof, Slices& output, uint64_t now_ms) override;
  void on_proof_skips(Proof& proof, uint64_t visits, uint64_t now_ms) override;
  void on_proof_begins_elsewhere(Proof& proof) override;
  void on_proof_slow(Proof& proof, uint64_t now_ms) override;
  void on_proof_whole(Proof& proof, uint64_t now_ms) override;
  /// Tells the broker how the attempt ended, and whether the fetch wants another.
  void on_proof_ended(Proof& proof, uint64_t now_ms) override;

  /// Notes that the fetch was refused for now, and asks again at its next call.
  void set_asks_again(const Fetch& fetch) { asks_again_.insert(fetch.id()); }
  /// True, once, after set_asks_again().
  [[nodiscard]] bool take_asks_again(const Fetch& fetch) {
    return asks_again_.erase(fetch.id()) > 0;
  }

  /// All fetches, oldest first, since the table's sequence differs between runs.
  [[nodiscard]] std::vector<Fetch*> oldest_first() const;
  [[nodiscard]] size_t size() const { return fetches_.size(); }
  /// The bytes that the windows of all fetches keep from being used again.
  [[nodiscard]] size_t window_bytes() const { return context_.pinned + context_.pinned_by_loners; }
  /// The number of directories that were fetched for the cache.
  [[nodiscard]] uint64_t directories() const { return directories_begun_; }
  [[nodiscard]] size_t loners() const { return loners_.size(); }
  /// The number of proofs that found a lie.
  [[nodiscard]] uint64_t verify_failures() const { return verify_failures_; }

 private:
  Fetch& add(CarRequest wanted, const RequestKey& key, std::string trace_id, uint64_t now_ms);
  void tell_links(Proof& proof);
  [[nodiscard]] bool proves_path_missing(const Proof& proof) const;
  [[nodiscard]] ipc::DeniedBy denied_by(const Proof& proof) const;
  /// The request for the block by which the proof has shown that its path does not exist, where the
  /// cache should have that: clients that ask for other names in that directory need no L2 then.
  [[nodiscard]] std::optional<CarRequest> directory_to_keep(const Proof& proof) const;
  void keep_directory(std::optional<CarRequest> directory, const std::string& trace_id,
                      uint64_t now_ms);
  [[nodiscard]] QuestionId next_question(const Fetch& fetch, bool is_new);

  FetchContext& context_;
  Numbers& numbers_;
  const Settings& settings_;
  absl::flat_hash_map<FetchId, std::unique_ptr<Fetch>> fetches_;
  /// The fetch of each content that was added last, while it lives.
  absl::flat_hash_map<RequestKey, FetchId> by_key_;
  /// The fetch of each last question that was not its first.
  absl::flat_hash_map<QuestionId, FetchId> asked_anew_;
  absl::flat_hash_set<FetchId> asks_again_;
  absl::flat_hash_set<FetchId> directories_;  ///< Of keep_directory(), under way.
  uint64_t directories_begun_ = 0;
  Loners loners_;
  uint64_t verify_failures_ = 0;
};

}  // namespace daphnis::worker
