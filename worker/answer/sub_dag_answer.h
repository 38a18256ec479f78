#pragma once

#include <optional>

#include "common/proof/producer.h"
#include "worker/answer/content_answer.h"
#include "worker/answer/hit_answer.h"
#include "worker/cache/cache.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// Who gets the content elsewhere where the file was of no use after all.
class SubDagHost : public HitHost {
 public:
  /// Nothing of the answer has been sent. Replaces the answer, and so ends it.
  virtual void on_sub_dag_missed(Exchange& exchange, Content content, uint64_t now_ms) = 0;

 protected:
  ~SubDagHost() = default;
};

/// Answers a part of what one cached file holds whole: the walk over the file's blocks makes the
/// CAR anew, a raw block is part of the file. The blocks were proven before they were stored and
/// are not hashed again. Owned by its exchange.
class SubDagAnswer final : public Responder, private BlockSource {
 public:
  /// `key`: the file's.
  SubDagAnswer(Exchange& exchange, Content content, const RequestKey& key, const CachedFile& file,
               const AnswerScene& scene, const WalkBudget& budget, Cache& cache, SubDagHost& host);

  /// May end within the call, and this object with it.
  void start(uint64_t now_ms);

  void on_space(uint64_t now_ms) override;
  bool on_file_lost(const FileRange&, int error, uint64_t now_ms) override {
    host_.on_cached_file_lost(key_, error);
    return resume_elsewhere(exchange_, std::move(content_), host_, now_ms);
  }
  void on_over(uint64_t) override { cache_.forget(waiter_); }

 private:
  Read read(const Cid& cid, Slices& into) override;
  void on_index(CacheRead read, uint64_t now_ms);
  void on_block(CacheRead read, uint64_t now_ms);
  void answer_raw(uint64_t now_ms);
  void produce(uint64_t now_ms);
  void on_produce_failed(uint64_t now_ms);
  /// Others have what the file lacks.
  void go_on_elsewhere(uint64_t now_ms);
  void start_car(uint64_t now_ms);
  /// The file cannot answer this.
  void give_up(uint64_t now_ms);
  void complain(CacheRead& read);

  Exchange& exchange_;
  Content content_;
  RequestKey key_;
  CachedFile file_;
  const AnswerScene& scene_;
  Cache& cache_;
  SubDagHost& host_;
  BlockIndexRef index_;
  Producer producer_;
  CacheWaiterId waiter_{};
  uint64_t now_ms_ = 0;               ///< Of the produce() under way.
  bool is_waiting_ = false;           ///< For a block.
  bool is_reading_ = false;           ///< Within Cache::read().
  std::optional<CacheRead> awaited_;  ///< The block that the walk comes back for.
  bool is_block_missing_ = false;
};

}  // namespace daphnis::worker
