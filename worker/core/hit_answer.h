#pragma once

#include "worker/core/cache_reads.h"
#include "worker/core/content_answer.h"
#include "worker/core/exchange.h"
#include "worker/core/gateway.h"

namespace daphnis::worker {

/// Who is told of cached files that turn out to be broken while they are sent.
class HitHost {
 public:
  virtual void on_cached_file_lost(const RequestKey& key, int error) = 0;

 protected:
  ~HitHost() = default;
};

/// The context of a hit's head, but for its Server-Timing. Views into exchange and scene.
[[nodiscard]] ResponseContext hit_context(const Exchange& exchange, const AnswerScene& scene,
                                          int64_t stored_s);

/// Answers all that was asked for from one cached file: a small one from memory, a large one by
/// parts of the file.
void answer_hit(Exchange& exchange, const Content& content, const CachedFile& cached,
                const AnswerScene& scene, HitHost& host, uint64_t now_ms);

}  // namespace daphnis::worker
