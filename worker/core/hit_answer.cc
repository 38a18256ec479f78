#include "worker/core/hit_answer.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace daphnis::worker {
namespace {

/// Waits for nothing: all of the answer is in the exchange. Owned by it.
class FileAnswer final : public Responder {
 public:
  FileAnswer(const RequestKey& key, HitHost& host) : key_(key), host_(host) {}

  void on_room(uint64_t) override {}
  void on_over(uint64_t) override {}
  void on_file_lost(const FileRange&, int error, uint64_t) override {
    host_.on_cached_file_lost(key_, error);
  }

 private:
  RequestKey key_;
  HitHost& host_;
};

}  // namespace

ResponseHead hit_head(const Exchange& exchange, const Content& content, const AnswerScene& scene,
                      int64_t stored_s, std::optional<uint64_t> bytes, uint64_t now_ms) {
  const Timing took{.name = "cache", .us = (now_ms - exchange.started_ms()) * 1'000};
  const std::string timing = server_timing({&took, 1});
  ResponseContext context = context_of(exchange, scene, CacheStatus::kHit);
  context.age_s = static_cast<uint64_t>(std::max<int64_t>(0, scene.now_s - stored_s));
  context.server_timing = timing;
  return content.request.format == AnswerFormat::kRaw ? raw_head(content, context, *bytes)
                                                      : car_head(content, context, bytes);
}

void answer_hit(Exchange& exchange, const Content& content, const CachedFile& cached,
                const AnswerScene& scene, HitHost& host, uint64_t now_ms) {
  exchange.facts.cache = CacheStatus::kHit;
  ResponseHead head =
      hit_head(exchange, content, scene, cached.stored_s, cached.footer.body_bytes, now_ms);
  const FileRange range{cached.file, head.body_offset, head.body_bytes};
  exchange.start(std::move(head), now_ms);
  if (range.file) {
    exchange.set_responder(std::make_unique<FileAnswer>(content.key, host));
    exchange.push(range, now_ms);
  } else {
    Slices part{
        cached.body.part(static_cast<size_t>(range.offset), static_cast<size_t>(range.size))};
    exchange.push(part, now_ms);
  }
  exchange.finish(now_ms);
}

}  // namespace daphnis::worker
