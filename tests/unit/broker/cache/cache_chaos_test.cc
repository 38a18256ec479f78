#include <deque>
#include <map>
#include <set>

#include "common/ipld/hashes.h"
#include "tests/unit/broker/cache/cache_rig.h"

/// The cache's account under random events of all kinds, compared with a model that adds up the
/// messages and tasks.
namespace daphnis::broker {
namespace {

constexpr uint64_t kLimit = 64 * kMiB;

class CacheChaos {
 public:
  explicit CacheChaos(uint64_t seed) : random_(seed), rig_(cache_config(kLimit), seed + 1) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      observe();
      REQUIRE(rig_.index().charged_bytes() == charged());
      REQUIRE(rig_.index().charged_bytes() <= kLimit);
    }
    finish();
  }

 private:
  using SpoolKey = std::pair<WorkerId, uint64_t>;
  struct Spool {
    uint64_t bytes = 0;
    bool is_asking = false;
  };
  struct DeferredFree {
    uint64_t bytes = 0;
    std::set<WorkerId> readers = {};            ///< Of a spool alone.
    std::optional<std::set<WorkerId>> open_at;  ///< nullopt until the folder has unlinked it.
  };

  size_t pick(size_t n) { return static_cast<size_t>(random_() % n); }
  uint64_t size() { return 1 + random_() % (pick(4) == 0 ? 20 * kMiB : kMiB); }

  void step() {
    switch (pick(14)) {
      case 0:
        if (workers_.size() < 4) workers_.push_back(rig_.connect_worker());
        break;
      case 1:
        if (!workers_.empty() && pick(6) == 0) kill();
        break;
      case 2:
      case 3:
      case 4:
        reserve();
        break;
      case 5:
      case 6:
        done();
        break;
      case 7:
        if (const auto spool = any_spool(true)) {
          rig_.tell(spool->first, ipc::SpoolGone{spool->second});
          spools_.erase(*spool);
        }
        break;
      case 8:
      case 9:
        answer_order();
        break;
      case 10:
        confirm();
        break;
      case 11:
        if (!workers_.empty()) fault(workers_[pick(workers_.size())]);
        break;
      case 12:
        purge();
        break;
      case 13:
        rig_.advance(pick(2'000));
        if (pick(20) == 0) is_up_ = !is_up_;
        rig_.folder(FolderHealth{.is_up = is_up_, .why = "a test"});
        break;
    }
  }

  std::optional<SpoolKey> any_spool(bool may_ask) {
    if (spools_.empty()) return std::nullopt;
    const auto at = std::next(spools_.begin(), static_cast<long>(pick(spools_.size())));
    if (at->second.is_asking && !may_ask) return std::nullopt;
    return at->first;
  }
  void reserve() {
    if (workers_.empty()) return;
    SpoolKey key(workers_[pick(workers_.size())], last_spool_ + 1);
    const auto known = any_spool(false);
    if (known && pick(2) == 0) {
      key = *known;
    } else {
      ++last_spool_;
    }
    spools_[key].is_asking = true;
    rig_.reserve(key.first, key.second, size());
  }
  void done() {
    const auto spool = any_spool(false);
    if (!spool || spools_[*spool].bytes == 0) return;
    const uint64_t bytes = spools_[*spool].bytes + (pick(20) == 0 ? 1 : 0);
    // Where the spool is refused, its own worker still has it open.
    leaving_.push_back({.bytes = spools_[*spool].bytes, .readers = {spool->first}, .open_at = {}});
    spools_.erase(*spool);
    rig_.done(spool->first, spool->second, pick(30), bytes - pick(static_cast<size_t>(bytes)));
    observe();
    leaving_.clear();
  }
  void answer_order() {
    observe();
    if (pending_.empty()) return;
    const FolderTask task = pending_.front();
    pending_.pop_front();
    if (const auto* store = std::get_if<StoreFile>(&task)) {
      rig_.folder(FileStored{
          .spool = store->spool, .key = store->key, .is_stored = pick(5) != 0, .why = "a test"});
    } else if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
      auto& deferred_free = deferred_frees_.at(unlink->deferred_free);
      deferred_free.open_at.emplace(workers_.begin(), workers_.end());
      rig_.folder(FilesUnlinked{unlink->deferred_free});
      free(unlink->deferred_free);
    } else if (const auto* spools = std::get_if<UnlinkSpools>(&task)) {
      if (spools->deferred_free == 0) return;
      auto& deferred_free = deferred_frees_.at(spools->deferred_free);
      deferred_free.open_at = deferred_free.readers;
      rig_.folder(FilesUnlinked{spools->deferred_free});
      free(spools->deferred_free);
    }
  }
  void confirm() {
    std::vector<std::pair<WorkerId, uint64_t>> open;
    for (const auto& [number, deferred_free] : deferred_frees_) {
      if (!deferred_free.open_at) continue;
      for (const WorkerId worker : *deferred_free.open_at) open.emplace_back(worker, number);
    }
    if (open.empty()) return;
    const auto [worker, number] = open[pick(open.size())];
    deferred_frees_[number].open_at->erase(worker);
    rig_.confirm(worker, number);
    free(number);
  }
  void free(uint64_t number) {
    const DeferredFree& deferred_free = deferred_frees_.at(number);
    if (deferred_free.open_at && deferred_free.open_at->empty()) deferred_frees_.erase(number);
  }
  void fault(WorkerId worker) {
    const uint64_t n = pick(30);
    if (pick(2) == 0) {
      rig_.tell(worker, ipc::CacheHits{{{key_for(n), 3}}});
    } else if (pick(3) == 0) {
      rig_.tell(worker, ipc::CacheFault{.key = key_for(n),
                                        .kind = static_cast<ipc::CacheFaultKind>(pick(3)),
                                        .detail = "a test"});
    }
  }
  void purge() {
    if (pick(5) == 0) {
      rig_.broker.cache().purge_all();
    } else {
      rig_.broker.cache().purge(cid_number(pick(30)));
    }
    rig_.carry_out();
  }
  void kill() {
    const size_t n = pick(workers_.size());
    const WorkerId worker = workers_[n];
    workers_.erase(workers_.begin() + static_cast<long>(n));
    std::erase_if(spools_, [&](const auto& one) {
      if (one.first.first != worker) return false;
      leaving_.push_back({.bytes = one.second.bytes, .readers = {}, .open_at = {}});
      return true;
    });
    rig_.kill_worker(worker);
    observe();
    CHECK(leaving_.empty());
    for (auto deferred_free = deferred_frees_.begin(); deferred_free != deferred_frees_.end();) {
      const uint64_t number = (deferred_free++)->first;
      deferred_frees_[number].readers.erase(worker);
      if (!deferred_frees_[number].open_at) continue;
      deferred_frees_[number].open_at->erase(worker);
      free(number);
    }
  }

  /// Adds new tasks and messages to the model.
  void observe() {
    for (const FolderTask& task : std::exchange(rig_.folder_tasks, {})) {
      if (const auto* store = std::get_if<StoreFile>(&task)) {
        REQUIRE(held_.emplace(store->key, store->size).second);
      } else if (const auto* unlink = std::get_if<UnlinkFiles>(&task)) {
        REQUIRE_FALSE(deferred_frees_.contains(unlink->deferred_free));
        DeferredFree& deferred_free = deferred_frees_[unlink->deferred_free];
        for (const RequestKey& key : unlink->keys) {
          const auto found = held_.find(key);
          if (found == held_.end()) continue;
          deferred_free.bytes += found->second;
          held_.erase(found);
        }
      } else if (const auto* spool = std::get_if<UnlinkSpools>(&task);
                 spool && spool->deferred_free != 0) {
        REQUIRE_FALSE(leaving_.empty());
        deferred_frees_[spool->deferred_free] = leaving_.front();
        leaving_.pop_front();
      }
      pending_.push_back(task);
    }
    for (const WorkerId worker : workers_) {
      const auto reservations = rig_.inbox<ipc::SpoolReserved>(worker);
      for (size_t& seen = rooms_seen_[worker]; seen < reservations.size(); ++seen) {
        const ipc::SpoolReserved& reservation = reservations[seen];
        const auto spool = spools_.find({worker, reservation.spool});
        if (spool == spools_.end()) continue;
        REQUIRE(spool->second.is_asking);
        spool->second.is_asking = false;
        spool->second.bytes += reservation.bytes;
        if (spool->second.bytes == 0) spools_.erase(spool);
      }
    }
  }
  uint64_t charged() const {
    uint64_t sum = 0;
    for (const auto& [key, spool] : spools_) sum += spool.bytes;
    for (const auto& [key, bytes] : held_) sum += bytes;
    for (const auto& [number, deferred_free] : deferred_frees_) sum += deferred_free.bytes;
    return sum;
  }

  void finish() {
    rig_.folder(FolderHealth{.is_up = true, .why = {}});
    rig_.advance(limits::kReservationWaitMs);
    observe();
    for (const auto& [key, spool] : spools_) CHECK_FALSE(spool.is_asking);
    while (!workers_.empty()) kill();
    rig_.broker.cache().purge_all();
    rig_.carry_out();
    observe();
    while (!pending_.empty()) {
      answer_order();
      observe();
    }
    CHECK(rig_.index().charged_bytes() == 0);
    CHECK(rig_.broker.cache().deferred_frees() == 0);
    CHECK(rig_.broker.cache().spools() == 0);
    CHECK(deferred_frees_.empty());
  }

  std::mt19937_64 random_;
  CacheRig rig_;
  std::vector<WorkerId> workers_;
  std::map<SpoolKey, Spool> spools_;
  std::map<RequestKey, uint64_t> held_;
  std::map<uint64_t, DeferredFree> deferred_frees_;
  std::deque<DeferredFree> leaving_;  ///< Spools whose unlink tasks are to come.
  std::deque<FolderTask> pending_;
  std::map<WorkerId, size_t> rooms_seen_;
  uint64_t last_spool_ = 0;
  bool is_up_ = true;
};

}  // namespace

TEST_CASE("the cache charges what the model does and never passes its limit", "[broker][cache]") {
  const auto seed = GENERATE(range(1, 13));
  CAPTURE(seed);
  CacheChaos(static_cast<uint64_t>(seed)).run(1'500);
}

TEST_CASE("a lowered limit evicts down to it", "[broker][cache]") {
  CacheRig rig(cache_config(64 * kMiB));
  const WorkerId worker = rig.connect_worker();
  for (uint64_t n = 1; n <= 6; ++n) rig.store(worker, n, 10 * kMiB);
  rig.broker.cache().set_limit(25 * kMiB);
  rig.carry_out();
  rig.run_folder();
  rig.confirm_all(worker);
  CHECK(rig.index().entries() == 2);
  CHECK(rig.index().charged_bytes() == 20 * kMiB);
}

TEST_CASE("a purge by CID takes the twins of both versions", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  const Cid v0 = *Cid::from_text("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKtLZe");
  CHECK(v0.text().starts_with("Qm"));
  FilesFound found;
  const Cid v1 = *Cid::v1(codec::kDagPb, hash::kSha2_256, v0.multihash().subspan(2));
  found.entries.push_back({.key = key_for(1), .root = v0, .size = 10});
  found.entries.push_back({.key = key_for(2), .root = v1, .size = 20});
  found.entries.push_back({.key = key_for(3), .root = cid_number(3), .size = 30});
  rig.folder(found);
  const auto removed = rig.broker.cache().purge(v1);
  rig.carry_out();
  CHECK(removed.entries == 2);
  CHECK(removed.bytes == 30);
  CHECK(rig.holds(3));
  rig.run_folder();
  CHECK(rig.inbox<ipc::Unlink>(worker).size() == 1);
}

TEST_CASE("workers are told of a great purge in parts", "[broker][cache]") {
  CacheRig rig;
  const WorkerId worker = rig.connect_worker();
  FilesFound found;
  for (uint64_t n = 0; n < 2'500; ++n) {
    found.entries.push_back({.key = key_for(n), .root = cid_number(n), .size = 1});
  }
  rig.folder(found);
  CHECK(rig.broker.cache().purge_all().entries == 2'500);
  rig.carry_out();
  rig.run_folder();
  const auto unlinks = rig.inbox<ipc::Unlink>(worker);
  REQUIRE(unlinks.size() == 3);
  CHECK(unlinks[0].keys.size() == limits::kUnlinkKeysMax);
  CHECK(unlinks[2].keys.size() == 2'500 - 2 * limits::kUnlinkKeysMax);
  rig.confirm(worker, unlinks[0].deferred_free);
  rig.confirm(worker, unlinks[2].deferred_free);
  CHECK(rig.index().deferred_bytes() == 2'500);
  rig.confirm(worker, unlinks[1].deferred_free);
  CHECK(rig.index().charged_bytes() == 0);
}

}  // namespace daphnis::broker
