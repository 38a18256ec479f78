#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipc/ipc_messages.h"
#include "common/request/car_request.h"
#include "worker/base/failure_kind.h"
#include "worker/cache/cache_reads.h"
#include "worker/fetch/fetch_window.h"
#include "worker/fetch/spool.h"
#include "worker/l2/l2_stream.h"

namespace daphnis::worker {

class Fetch;

/// Who reads what a fetch proves. Owned by whoever answers a client; leaves the fetch before it
/// dies.
class FetchReader {
 public:
  /// Proven output, in order. Takes the slices.
  virtual void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) = 0;
  /// Likewise, as part of a file.
  virtual void on_file_output(Fetch& fetch, FileRange range, uint64_t now_ms) = 0;
  /// That was all. The reader is detached from the fetch.
  virtual void on_whole(Fetch& fetch, uint64_t now_ms) = 0;
  /// No more will come. The reader is detached from the fetch.
  virtual void on_failed(Fetch& fetch, FailureKind why, uint32_t retry_after_s,
                         uint64_t now_ms) = 0;
  /// What it was given is of a source that failed, and comes again from its beginning. False: some
  /// of it has gone out and cannot be taken back; on_failed() follows.
  [[nodiscard]] virtual bool begin_anew(uint64_t now_ms) = 0;
  /// Wants nothing more until it says otherwise (Fetch::on_reader_space()).
  [[nodiscard]] virtual bool is_full() const = 0;

 protected:
  ~FetchReader() = default;

 private:
  friend class Fetch;
  uint64_t read_ = 0;  ///< Output it has been given.
};

/// What a fetch asks of its Worker.
class FetchHost {
 public:
  virtual void tell(ipc::WorkerToBroker message) = 0;
  virtual void call_at(FetchId fetch, uint64_t at_ms) = 0;
  /// A spool for the fetch's output from `begin` on. Null where there can be none.
  [[nodiscard]] virtual Spool* open_spool(const Fetch& fetch, uint64_t begin,
                                          bool is_for_cache) = 0;

 protected:
  ~FetchHost() = default;
};

/// What all fetches of a worker share. Owned by the Worker.
struct FetchMemory {
  size_t window_bytes_max = limits::kFetchWindowBytesMax;
  size_t pinned = 0;  ///< By all windows.

  [[nodiscard]] bool is_short() const { return pinned > limits::kFetchWindowsBytesMax; }
};

/// One object being got, for any number of readers: from an L2's stream, after failed attempts from
/// the next one, or by reading along in the spool of another worker's fetch. Output is byte-stable
/// per request, so after a source is lost the next one begins anew and each reader goes on where it
/// was.
///
/// The window holds the output's beginning, so that late readers can begin there, as long as that
/// is at most FetchMemory::window_bytes_max, then what the slowest reader still needs, within the
/// same bound. A spool takes over where the answer is to be kept, another worker reads along, or a
/// reader is too slow for the window; else the slow reader stops the stream.
///
/// Owned by the Worker; over when nobody wants it any more (is_over()).
class Fetch {
 public:
  enum class State : uint8_t {
    kAsking,  ///< No stream has proven anything; at most one is trying, or a joined file is read.
    kStreaming,  ///< A stream's output has come.
    kWhole,      ///< There is no more output than what is held.
    kEnded,      ///< Failed or cancelled. No readers are left.
  };

  /// `deadline_ms`: by when output must have come. `trace_id` is the first client's request id.
  Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
        uint64_t deadline_ms, FetchMemory& memory, FetchHost& host);
  ~Fetch();

  // --- Readers ---
  /// A new reader can be given all of the output.
  [[nodiscard]] bool is_joinable() const;
  /// Only where is_joinable(). What there is, is read at once.
  void add_reader(FetchReader& reader, uint64_t now_ms);
  void remove_reader(FetchReader& reader, uint64_t now_ms);
  /// The reader takes more again.
  void on_reader_space(FetchReader& reader, uint64_t now_ms);

  // --- The broker and its streams ---
  /// The question to the broker, under this number; question_id() from now on.
  [[nodiscard]] ipc::Fetch ask(QuestionId question_id, bool must_not_join, uint64_t now_ms);
  /// An attempt's stream has come. Only where wants_stream().
  void on_stream(L2Stream& stream, ipc::Admission admission);
  [[nodiscard]] bool wants_stream() const { return state_ == State::kAsking && !stream_; }
  [[nodiscard]] bool is_fed_by(const L2Stream& stream) const { return stream_ == &stream; }
  void on_output(Slices& output, uint64_t now_ms);
  void on_whole(uint64_t now_ms);
  /// The stream's outcome stands. True: another attempt is wanted, since a reader is left of whose
  /// answer nothing has gone out.
  [[nodiscard]] bool on_stream_ended(uint64_t now_ms);
  /// The broker gave up.
  void on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms);
  void fail(FailureKind why, uint32_t retry_after_s, uint64_t now_ms);
  /// Nobody wants it: ends the stream, if there is one, by an early answer.
  void cancel(uint64_t now_ms);
  void on_time(uint64_t now_ms);

  /// The operator wants it in the cache, whether anybody reads it or not.
  void warm() { is_warming_ = true; }

  // --- Spool ---
  /// Its spool has got room, has written, has given up.
  void on_spool_moved(uint64_t now_ms);
  /// Another worker wants to read along.
  void on_wanted(uint64_t now_ms);

  // --- Reading along ---
  /// Another worker's spool (or a cached file) has this much of the output: [0, bytes).
  void on_joined(FileRef file, uint64_t bytes, bool is_whole, uint64_t now_ms);
  /// The cache has all of it.
  void on_cached(const CachedFile& cached, uint64_t now_ms);
  /// No more will come from there. What was read stays readable.
  void on_join_lost(uint64_t deadline_ms);

  [[nodiscard]] FetchId id() const { return id_; }
  /// The number under which the broker was asked last.
  [[nodiscard]] QuestionId question_id() const { return question_id_; }
  [[nodiscard]] State state() const { return state_; }
  /// Somebody still has use for it.
  [[nodiscard]] bool is_wanted(uint64_t now_ms) const;
  /// On its way into the cache: worth finishing although this process is to leave.
  [[nodiscard]] bool is_filling_cache() const { return spool_ && spool_->is_filling_cache(); }
  [[nodiscard]] const CarRequest& request() const { return request_; }
  [[nodiscard]] const RequestKey& key() const { return key_; }
  /// By when output must have come; kNever where another worker's has.
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  /// Its first output came from a file.
  [[nodiscard]] bool is_joined() const { return joined_file_ && window_.end() == 0; }
  /// When all of it was stored in the cache, in seconds since 1970, if it was found there after
  /// all.
  [[nodiscard]] std::optional<int64_t> stored_s() const { return stored_s_; }
  /// Some of the output has been had: whoever reads it is in the midst of an answer.
  [[nodiscard]] bool has_begun() const { return joined_bytes_ > 0 || window_.end() > 0; }
  /// Attempts that reached this worker, or that the broker told of.
  [[nodiscard]] uint32_t attempts() const { return attempts_; }
  /// Of the last attempt; empty before the first.
  [[nodiscard]] const std::string& l2_id() const { return l2_id_; }
  [[nodiscard]] const Spool* spool() const { return spool_; }

 private:
  struct FilePart {
    const FileRef* file = nullptr;
    uint64_t end = 0;
  };
  /// The file that holds the output's byte at `offset`, and how far it goes.
  [[nodiscard]] FilePart file_at(uint64_t offset) const;
  /// From where on a reader of [offset, …) needs the window, after all that files hold.
  [[nodiscard]] uint64_t window_need(uint64_t offset) const;
  /// The least window_need() of all readers, and whether the one that has it is full.
  struct Slowest {
    uint64_t need;
    bool is_full = false;
  };
  [[nodiscard]] Slowest slowest() const;

  void give(FetchReader& reader, uint64_t now_ms);
  void give_all(uint64_t now_ms);
  void detach(FetchReader& reader);
  /// After anything that may change what is written, held, or read.
  void adjust_flow(uint64_t now_ms);
  void consider_spool(bool is_blocked);
  void pump_spool(bool is_blocked, uint64_t now_ms);
  void trim(const Slowest& slowest);
  [[nodiscard]] bool is_large() const;
  /// No spool has been had for it yet, and one may be.
  [[nodiscard]] bool may_warm() const;
  [[nodiscard]] bool is_blocked(const Slowest& slowest) const;
  void report(uint64_t now_ms);
  void report_failure();
  void begin_anew(FailureKind why, uint64_t now_ms);
  void pause(bool is_blocked, uint64_t now_ms);
  void end();

  FetchId id_;
  QuestionId question_id_{};
  CarRequest request_;
  RequestKey key_;
  std::string trace_id_;
  uint64_t deadline_ms_;
  FetchMemory& memory_;
  FetchHost& host_;
  State state_ = State::kAsking;
  ipc::Admission admission_ = ipc::Admission::kNo;

  std::vector<FetchReader*> readers_;  ///< Null: gone while all were being served.
  bool is_giving_ = false;
  bool is_warming_ = false;
  Slices scratch_;  ///< Kept for its memory.

  FetchWindow window_;
  std::optional<uint64_t> total_;  ///< The output's size, once known.
  Spool* spool_ = nullptr;         ///< The Worker's; released when this ends.
  bool may_spool_ = true;          ///< No spool was had yet.
  FileRef joined_file_;
  uint64_t joined_bytes_ = 0;
  std::optional<int64_t> stored_s_;

  // Another worker reads along.
  bool is_reported_ = false;
  uint64_t reported_bytes_ = 0;
  uint64_t reported_ms_ = 0;
  bool has_reported_end_ = false;

  L2Stream* stream_ = nullptr;  ///< The Worker's; cleared when its attempt has ended.
  bool is_paused_ = false;      ///< The stream, by us.
  uint32_t attempts_ = 0;
  std::string l2_id_;
  bool has_met_lies_ = false;
};

}  // namespace daphnis::worker
