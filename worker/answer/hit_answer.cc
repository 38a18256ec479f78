#include "worker/answer/hit_answer.h"

#include <memory>
#include <utility>

#include "worker/answer/answerer.h"

namespace daphnis::worker {
namespace {

/// The responder of an answer that one cached file holds: it waits for nothing, but finds another
/// source if the file fails. Owned by its exchange.
class FileAnswer final : public Responder {
 public:
  FileAnswer(Exchange& exchange, Content content, Answerer& answerer)
      : exchange_(exchange), content_(std::move(content)), answerer_(answerer) {}

  void on_space(uint64_t) override {}
  void on_over(uint64_t) override {}
  bool on_file_lost(const FileRange&, int error, uint64_t now_ms) override {
    answerer_.on_cached_file_lost(content_.key, error);
    return resume_elsewhere(exchange_, std::move(content_), answerer_, now_ms);
  }

 private:
  Exchange& exchange_;
  Content content_;
  Answerer& answerer_;
};

}  // namespace

Response hit_response(const Exchange& exchange, const Content& content, const AnswerScene& scene,
                      int64_t stored_s, std::optional<uint64_t> bytes, uint64_t now_ms) {
  const Timing took{.name = "cache", .us = (now_ms - exchange.started_ms()) * 1'000};
  const std::string timing = server_timing({&took, 1});
  ResponseContext context = context_of(exchange, scene, CacheStatus::kHit);
  context.age_s = age_of(stored_s, scene);
  context.server_timing = timing;
  return content.request.format == AnswerFormat::kRaw ? raw_response(content, context, *bytes)
                                                      : car_response(content, context, bytes);
}

bool resume_elsewhere(Exchange& exchange, Content content, Answerer& answerer, uint64_t now_ms) {
  const uint64_t sent = exchange.content_bytes_written();
  const Response& response = exchange.response();
  exchange.resume();
  return answerer.go_on(exchange, std::move(content),
                        {.offset = response.body_offset + sent, .size = *response.length - sent},
                        now_ms);
}

void answer_hit(Exchange& exchange, const Content& content, const CachedFile& cached,
                const AnswerScene& scene, Answerer& answerer, uint64_t now_ms) {
  exchange.facts.cache = CacheStatus::kHit;
  Response response =
      hit_response(exchange, content, scene, cached.stored_s, cached.footer.body_bytes, now_ms);
  const FileRange range{cached.file, response.body_offset, *response.length};
  exchange.start(std::move(response), now_ms);
  if (exchange.state() != Exchange::State::kContent) return;  // The block does not have that range.
  if (range.file) {
    exchange.set_responder(std::make_unique<FileAnswer>(exchange, content, answerer));
    exchange.push(range, now_ms);
  } else {
    Slices part{
        cached.body.part(static_cast<size_t>(range.offset), static_cast<size_t>(range.size))};
    exchange.push(part, now_ms);
  }
  exchange.finish(now_ms);
}

}  // namespace daphnis::worker
