#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipc/ipc_messages.h"
#include "common/request/car_request.h"
#include "common/request/outcome.h"
#include "worker/base/agenda.h"
#include "worker/broker/broker_session.h"
#include "worker/cache/cache.h"
#include "worker/fetch/fetch_window.h"
#include "worker/fetch/join.h"
#include "worker/fetch/spool.h"
#include "worker/fetch/spool_book.h"
#include "worker/l2/post_stream.h"

namespace daphnis::worker {

class Fetch;

/// A reader of a fetch's proven output. Owned by whoever answers a client; must leave the fetch
/// before it dies.
class FetchReader {
 public:
  /// Takes the next proven output: moves the slices out of `output`.
  virtual void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) = 0;
  /// Takes the next proven output, as a part of a file.
  virtual void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) = 0;
  /// The reader has been given all output. The fetch has detached it.
  virtual void on_whole(Fetch& fetch, uint64_t now_ms) = 0;
  /// No more output will come. The fetch has detached the reader.
  virtual void on_failed(Fetch& fetch, Outcome why, uint32_t retry_after_s, uint64_t now_ms) = 0;
  /// The output given so far came from a source that failed, and will be given again from its
  /// beginning. False where a part of it has gone out and cannot be taken back; on_failed() follows
  /// then.
  [[nodiscard]] virtual bool begin_anew(uint64_t now_ms) = 0;
  /// True where the reader takes no more output until it calls for Fetch::on_reader_space().
  [[nodiscard]] virtual bool is_full() const = 0;

 protected:
  ~FetchReader() = default;

 private:
  friend class Fetch;
  uint64_t read_ = 0;  ///< Bytes of output that the reader has been given.
};

/// The data and the helpers that all fetches of a worker share. Owned by the Worker; outlives them.
struct FetchContext {
  BrokerSession& broker;
  Agenda& agenda;
  Cache& cache;
  SpoolBook& spools;
  size_t window_bytes_max = limits::kFetchWindowBytesMax;
  size_t pinned = 0;  ///< Bytes of buffers that all windows keep from being used again.

  [[nodiscard]] bool is_short() const { return pinned > limits::kFetchWindowsBytesMax; }
};

/// One object that is being fetched, for any number of readers. Its source is an L2's stream, after
/// a failed attempt the next one, or the spool of another worker's fetch. Each source brings the
/// output from its first byte, and output is byte-stable per request. Where a joined file ends
/// early, each reader goes on where it was. Where a stream ends early, the output is given anew: a
/// reader goes on only if nothing of its answer has gone out, or if it skips what has
/// (FetchReader::begin_anew()).
///
/// The window holds the output's beginning, so that late readers can join, while the output has at
/// most FetchContext::window_bytes_max bytes; afterwards it holds what the slowest reader still
/// needs, within the same bound. A spool takes over where the answer is to be cached, another
/// worker reads along, or a reader is too slow for the window. Where there can be no spool, the
/// slowest reader pauses the stream.
///
/// Owned by the FetchTable, which destroys it when it is wanted no more (is_wanted()).
class Fetch {
 public:
  enum class State : uint8_t {
    kAsking,  ///< No stream has proven a block. At most one is at work, or a joined file is read.
    kStreaming,  ///< A stream's output has come.
    kWhole,      ///< All output has come.
    kEnded,      ///< The fetch has failed or was cancelled. No readers are left.
  };

  /// `deadline_ms` is the time by which output must have come, and `trace_id` the first client's
  /// request id.
  Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
        uint64_t deadline_ms, FetchContext& context);
  ~Fetch();

  // --- Readers ---
  /// True where a new reader can be given all of the output.
  [[nodiscard]] bool is_joinable() const;
  /// Adds a reader and gives it what output there is. Only where is_joinable().
  void add_reader(FetchReader& reader, uint64_t now_ms);
  void remove_reader(FetchReader& reader, uint64_t now_ms);
  [[nodiscard]] bool has_readers() const { return !readers_.empty(); }
  /// The reader takes output again.
  void on_reader_space(FetchReader& reader, uint64_t now_ms);

  // --- The broker and its streams ---
  /// Makes the question to the broker, and keeps its number as question_id().
  [[nodiscard]] ipc::Fetch ask(QuestionId question_id, bool must_not_join, uint64_t now_ms);
  /// Takes an attempt's stream. Only where wants_stream().
  void on_stream(L2Stream& stream, ipc::Admission admission);
  [[nodiscard]] bool wants_stream() const { return state_ == State::kAsking && !stream_; }
  /// True where the fetch waits for a stream and has no other source.
  [[nodiscard]] bool is_waiting() const { return wants_stream() && !join_; }
  [[nodiscard]] bool is_fed_by(const L2Stream& stream) const { return stream_ == &stream; }
  void on_output(Slices& output, uint64_t now_ms);
  void on_whole(uint64_t now_ms);
  /// The stream's outcome is decided. True where another attempt is wanted.
  [[nodiscard]] bool on_stream_ended(uint64_t now_ms);
  /// The broker has given the fetch up.
  void on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms);
  void fail(Outcome why, uint32_t retry_after_s, uint64_t now_ms);
  /// Ends the fetch, since it is wanted no more, and its stream by an early reply.
  void cancel(uint64_t now_ms);
  void on_time(uint64_t now_ms);

  /// The operator wants the content in the cache, whether it has readers or not.
  void warm() { is_warming_ = true; }

  // --- Spool ---
  /// The spool's state has changed: it has got a reservation, written, or given up.
  void on_spool_moved(uint64_t now_ms);
  /// Another worker wants to read along in the spool.
  void on_wanted(uint64_t now_ms);

  // --- Reading along ---
  /// The file from which the fetch may get more output; null where there is none.
  [[nodiscard]] Join* join() { return join_ ? &*join_ : nullptr; }
  /// Sets that file, in place of the last one.
  Join& set_join(Join join);
  /// Ends the wait for that file. The part of it that was read stays readable.
  void forget_join();
  /// The output's bytes [0, bytes) are in `file`, which is another worker's spool or a cached file.
  void on_joined(FileRef file, uint64_t bytes, bool is_whole, uint64_t now_ms);
  /// The whole output is in a cached file.
  void on_cached(const CachedFile& cached, uint64_t now_ms);
  /// The joined file gets no more output, so that another source must bring it by `deadline_ms`.
  /// The part that it holds stays readable.
  void on_join_lost(uint64_t deadline_ms);

  [[nodiscard]] FetchId id() const { return id_; }
  /// The number of the last question to the broker; none before the first.
  [[nodiscard]] QuestionId question_id() const { return question_id_; }
  [[nodiscard]] State state() const { return state_; }
  /// True while the fetch has readers, fills the cache, or other workers may read its spool.
  [[nodiscard]] bool is_wanted(uint64_t now_ms) const;
  /// True while the output is on its way into the cache, which is worth finishing although the
  /// process is to leave.
  [[nodiscard]] bool is_filling_cache() const { return spool_ && spool_->is_filling_cache(); }
  [[nodiscard]] const CarRequest& request() const { return request_; }
  [[nodiscard]] const RequestKey& key() const { return key_; }
  /// The time by which output must have come; kNever while a joined file brings it.
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  /// True where all output so far came from a joined file.
  [[nodiscard]] bool is_joined() const { return joined_file_ && window_.end() == 0; }
  /// The time at which the output was stored in the cache, in seconds since 1970, where a cached
  /// file turned out to hold it.
  [[nodiscard]] std::optional<int64_t> stored_s() const { return stored_s_; }
  /// True where output has come: the readers are in the middle of their answers.
  [[nodiscard]] bool has_begun() const { return joined_bytes_ > 0 || window_.end() > 0; }
  /// The number of attempts of which this worker knows.
  [[nodiscard]] uint32_t attempts() const { return attempts_; }
  /// The L2 of the last attempt; empty before the first.
  [[nodiscard]] const std::string& l2_id() const { return l2_id_; }
  [[nodiscard]] const Spool* spool() const { return spool_; }

 private:
  struct FilePart {
    const FileRef* file = nullptr;
    uint64_t end = 0;
  };
  /// The file that holds the output's byte at `offset`, and the end of what it holds.
  [[nodiscard]] FilePart file_at(uint64_t offset) const;
  /// The first byte from `offset` on that no file holds, which a reader there needs of the window.
  [[nodiscard]] uint64_t window_need(uint64_t offset) const;
  /// The least window_need() of all readers, and whether a reader that has it is full.
  struct Slowest {
    uint64_t need;
    bool is_full = false;
  };
  [[nodiscard]] Slowest slowest() const;

  void give(FetchReader& reader, uint64_t now_ms);
  void give_all(uint64_t now_ms);
  void detach(FetchReader& reader);
  /// Adjusts the spool, the window and the stream's pause, and reports progress. Called after any
  /// change to what is held, written or read.
  void adjust_flow(uint64_t now_ms);
  void consider_spool(bool is_blocked);
  void pump_spool(bool is_blocked, uint64_t now_ms);
  void trim(const Slowest& slowest);
  [[nodiscard]] bool is_large() const;
  /// True while a warming fetch can still get a spool for all of its output.
  [[nodiscard]] bool may_warm() const;
  [[nodiscard]] bool is_blocked(const Slowest& slowest) const;
  void report(uint64_t now_ms);
  void report_failure();
  void begin_anew(Outcome why, uint64_t now_ms);
  void pause(bool is_blocked, uint64_t now_ms);
  void end();

  FetchId id_;
  QuestionId question_id_{};
  CarRequest request_;
  RequestKey key_;
  std::string trace_id_;
  uint64_t deadline_ms_;
  FetchContext& context_;
  State state_ = State::kAsking;
  ipc::Admission admission_ = ipc::Admission::kNo;

  /// A reader that left while all were given output is null until that is over.
  std::vector<FetchReader*> readers_;
  bool is_giving_ = false;
  bool is_warming_ = false;
  Slices scratch_;  ///< A member only so that its memory is used again.

  FetchWindow window_;
  std::optional<uint64_t> total_;  ///< The output's size in bytes, once it is known.
  Spool* spool_ = nullptr;         ///< Owned by the SpoolBook; released when the fetch ends.
  bool may_spool_ = true;          ///< The fetch has had no spool yet.
  std::optional<Join> join_;
  FileRef joined_file_;
  uint64_t joined_bytes_ = 0;
  std::optional<int64_t> stored_s_;

  // Reports to the broker, for other workers that read along.
  bool is_reported_ = false;
  uint64_t reported_bytes_ = 0;
  uint64_t reported_ms_ = 0;
  bool has_reported_end_ = false;

  L2Stream* stream_ = nullptr;  ///< Owned by the Worker; null once its attempt has ended.
  bool is_paused_ = false;      ///< This fetch has paused the stream.
  uint32_t attempts_ = 0;
  std::string l2_id_;
  bool has_met_lies_ = false;
};

}  // namespace daphnis::worker
