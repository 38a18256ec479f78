#pragma once

#include "worker/answer/fetch_answer.h"
#include "worker/client/exchange.h"
#include "worker/gateway/gateway.h"

namespace daphnis::worker {

/// What answers share besides their request. Owned by the Worker.
struct AnswerScene {
  std::string node_id;  ///< From the broker; empty before its first Welcome.
  std::string date;     ///< http::http_date() of now.
  int64_t now_s = 0;    ///< Now, in seconds since 1970.
};

/// What a response's head needs to know of its exchange. Views into both.
[[nodiscard]] ResponseContext context_of(const Exchange& exchange, const AnswerScene& scene,
                                         CacheStatus cache);

/// The Age of what was stored then (RFC 9111 section 5.1), in seconds; 0 where the clock has gone
/// back.
[[nodiscard]] uint64_t age_of(int64_t stored_s, const AnswerScene& scene);

/// Gives an exchange a whole answer.
void give(Exchange& exchange, const Answer& answer, const AnswerScene& scene, CacheStatus cache,
          uint64_t now_ms);

/// Ends an answer that cannot be completed: as long as nothing of it has gone out, the client is
/// told why; from its first byte on it is cut. Nothing is done where all of it has been made.
void break_off(Exchange& exchange, const Answer& answer, const AnswerScene& scene, uint64_t now_ms);

/// Answers one exchange from a fetch: the head goes out with the first proven bytes, never before
/// (DESIGN 5); a raw block is gathered first, since its length comes before it. Owned by its
/// exchange.
class ContentAnswer final : public FetchAnswer {
 public:
  /// Reads from `fetch`, whose reader it is to become. `cache`: kMiss where the fetch was begun for
  /// this answer, else kFetching.
  ContentAnswer(Exchange& exchange, Content content, FetchId fetch, CacheStatus cache,
                const AnswerScene& scene, ReaderHost& host);

  void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) override;
  void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) override;
  void on_whole(Fetch& fetch, uint64_t now_ms) override;
  void on_failed(Fetch& fetch, FailureKind why, uint32_t retry_after_s, uint64_t now_ms) override;
  [[nodiscard]] bool begin_anew(uint64_t now_ms) override;

 private:
  /// Part of a raw block, in memory or in a file.
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
  std::vector<Piece> block_;         ///< Raw only, at most one block.
  std::optional<int64_t> stored_s_;  ///< As the fetch's, before the head went out.
};

}  // namespace daphnis::worker
