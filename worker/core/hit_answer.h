#pragma once

#include <optional>

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

/// The head of an answer from the cache. `bytes`: of the CAR, where it is known before, or of the
/// raw block, which always is.
[[nodiscard]] ResponseHead hit_head(const Exchange& exchange, const Content& content,
                                    const AnswerScene& scene, int64_t stored_s,
                                    std::optional<uint64_t> bytes, uint64_t now_ms);

/// Answers all that was asked for from one cached file: a small one from memory, a large one by
/// parts of the file.
void answer_hit(Exchange& exchange, const Content& content, const CachedFile& cached,
                const AnswerScene& scene, HitHost& host, uint64_t now_ms);

}  // namespace daphnis::worker
