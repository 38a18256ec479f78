#pragma once

#include <optional>

#include "common/proof/producer.h"
#include "worker/answer/content_answer.h"
#include "worker/answer/hit_answer.h"
#include "worker/cache/cache.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// Answers with a part of the DAG that one cached file holds whole: a walk over the file's blocks
/// makes the CAR, and a raw block is a part of the file. The blocks were proven before they were
/// stored and are not hashed again. Owned by its exchange.
class SubDagAnswer final : public Responder, private BlockSource {
 public:
  /// `key` is the file's key; `answerer` gets the content elsewhere where the file lacks it.
  SubDagAnswer(Exchange& exchange, Content content, const RequestKey& key, const CachedFile& file,
               const AnswerScene& scene, const WalkBudget& budget, Cache& cache,
               Answerer& answerer);

  /// Begins the answer, which may end within the call.
  void start(uint64_t now_ms);

  void on_space(uint64_t now_ms) override;
  bool on_file_lost(const FileRange&, int error, uint64_t now_ms) override;
  void on_over(uint64_t) override { cache_.forget(waiter_); }

 private:
  Read read(const Cid& cid, Slices& into) override;
  void on_index(CacheRead read, uint64_t now_ms);
  void on_block(CacheRead read, uint64_t now_ms);
  void answer_raw(uint64_t now_ms);
  void produce(uint64_t now_ms);
  void on_produce_failed(uint64_t now_ms);
  /// Gets the rest of the answer from a fetch, since the file lacks a block.
  void go_on_elsewhere(uint64_t now_ms);
  void start_car(uint64_t now_ms);
  /// Leaves the request to a fetch, since the file cannot answer it.
  void give_up(uint64_t now_ms);
  void complain(CacheRead& read);

  Exchange& exchange_;
  Content content_;
  RequestKey key_;
  CachedFile file_;
  const AnswerScene& scene_;
  Cache& cache_;
  Answerer& answerer_;
  BlockIndexRef index_;
  Producer producer_;
  CacheWaiterId waiter_{};
  uint64_t now_ms_ = 0;      ///< The time of the produce() under way.
  bool is_waiting_ = false;  ///< A block is being read.
  bool is_reading_ = false;  ///< Cache::read() is being called.
  /// The block that was read for the walk, which comes back for it.
  std::optional<CacheRead> awaited_;
  bool is_block_missing_ = false;
};

}  // namespace daphnis::worker
