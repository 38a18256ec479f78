#pragma once

#include <optional>

#include "worker/answer/content_answer.h"
#include "worker/cache/cache_reads.h"
#include "worker/client/exchange.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

class Answerer;

/// The response of an answer from the cache. `bytes` is the length of the CAR, where it is known,
/// or of the raw block, which always is.
[[nodiscard]] Response hit_response(const Exchange& exchange, const Content& content,
                                    const AnswerScene& scene, int64_t stored_s,
                                    std::optional<uint64_t> bytes, uint64_t now_ms);

/// Gets the rest of an answer of known size, of which a part has been sent, from a fetch. Returns
/// as Answerer::go_on().
[[nodiscard]] bool resume_elsewhere(Exchange& exchange, Content content, Answerer& answerer,
                                    uint64_t now_ms);

/// Answers a request with one cached file: a small one from memory, a large one by parts of the
/// file.
void answer_hit(Exchange& exchange, const Content& content, const CachedFile& cached,
                const AnswerScene& scene, Answerer& answerer, uint64_t now_ms);

}  // namespace daphnis::worker
