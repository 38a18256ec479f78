#pragma once

#include "worker/answer/fetch_answer.h"
#include "worker/client/exchange.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// The data that all answers share. Owned by the Worker.
struct AnswerScene {
  std::string node_id;  ///< The edge's name, from the broker; empty before its first Welcome.
  std::string date;     ///< The http::http_date() of now.
  int64_t now_s = 0;    ///< The present time in seconds since 1970.
};

/// The context that a response needs of its exchange. Its views point into `exchange` and
/// `scene`.
[[nodiscard]] ResponseContext context_of(const Exchange& exchange, const AnswerScene& scene,
                                         CacheStatus cache);

/// The Age field (RFC 9111 section 5.1) of content stored at `stored_s`, in seconds; 0 where the
/// clock has gone back.
[[nodiscard]] uint64_t age_of(int64_t stored_s, const AnswerScene& scene);

/// Gives an exchange a whole answer.
void give(Exchange& exchange, const Answer& answer, const AnswerScene& scene, CacheStatus cache,
          uint64_t now_ms);

/// Ends an answer that cannot be completed: before its first byte has gone out, `answer` takes its
/// place; later it is cut. Nothing is done where all of it has been made.
void break_off(Exchange& exchange, const Answer& answer, const AnswerScene& scene, uint64_t now_ms);

/// Answers one exchange from a fetch. The head goes out with the first proven bytes, never before
/// (DESIGN 5); a raw block is gathered first, since its length stands in the head. Owned by its
/// exchange.
class ContentAnswer final : public FetchAnswer {
 public:
  /// Reads from `fetch`, whose reader this object is to become. `cache` is kMiss where the fetch
  /// was begun for this answer, else kFetching.
  ContentAnswer(Exchange& exchange, Content content, Fetch& fetch, CacheStatus cache,
                const AnswerScene& scene, FetchTable& fetches);

  void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) override;
  void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) override;
  void on_whole(Fetch& fetch, uint64_t now_ms) override;
  void on_failed(Fetch& fetch, Outcome why, uint32_t retry_after_s, uint64_t now_ms) override;
  [[nodiscard]] bool may_begin_anew() const override { return exchange_.may_take_back(); }
  void begin_anew(uint64_t now_ms) override;

 private:
  /// A part of a raw block, in memory or in a file.
  struct Piece {
    Slice slice = {};
    FileRange range = {};
    [[nodiscard]] uint64_t size() const { return range.file ? range.size : slice.size; }
  };

  void note(const Fetch& fetch);
  [[nodiscard]] ResponseContext context(std::string& timing, uint64_t now_ms) const;
  void start_car(uint64_t now_ms);
  void answer_raw(uint64_t now_ms);
  void push_part(const Piece& piece, uint64_t offset, uint64_t length, uint64_t now_ms);

  Content content_;
  const AnswerScene& scene_;
  std::vector<Piece> block_;         ///< The block gathered so far; raw answers only.
  std::optional<int64_t> stored_s_;  ///< The fetch's stored_s() of before the head went out.
};

}  // namespace daphnis::worker
