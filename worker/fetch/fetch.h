#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/network.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/car_request.h"
#include "common/request/outcome.h"
#include "worker/fetch/fetch_context.h"
#include "worker/fetch/fetch_window.h"
#include "worker/fetch/join.h"
#include "worker/fetch/place_finder.h"
#include "worker/fetch/reader_pace.h"
#include "worker/fetch/spool.h"
#include "worker/fetch/used_sources.h"
#include "worker/proof/proof.h"

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
  /// True where nothing of the output given so far has gone out, so that all of it can be taken
  /// back.
  [[nodiscard]] virtual bool may_begin_anew() const { return false; }
  /// Takes back the output given so far, which will be given again from its beginning. Only where
  /// may_begin_anew().
  virtual void begin_anew(uint64_t /*now_ms*/) {}
  /// True where the reader takes no more output until it calls for Fetch::on_reader_space().
  [[nodiscard]] virtual bool is_full() const = 0;
  /// Bytes of output that the client has taken so far; never fewer than before.
  [[nodiscard]] virtual uint64_t taken() const = 0;
  /// The reader goes on in `loner`, which has all of the output from its next byte on.
  virtual void on_moved(Fetch& loner) = 0;
  /// The address of the reader's client, without port.
  [[nodiscard]] virtual const std::string& address() const = 0;
  /// The request id of the reader's client.
  [[nodiscard]] virtual const std::string& trace_id() const = 0;

 protected:
  ~FetchReader() = default;

 private:
  friend class Fetch;
  uint64_t read_ = 0;  ///< Bytes of output that the reader has been given.
  /// The time since which others have waited for this reader; kNever where nobody does.
  uint64_t behind_since_ms_ = kNever;
  uint64_t taken_before_ = 0;  ///< What taken() was at that time.
};

inline constexpr size_t kSourcesAtOnceMax = 4;  ///< Of one fetch; as many attempts are at work.

/// One object that is being fetched, for any number of readers. Its sources are proofs of L2s'
/// streams, a few at a time, or the spool of another worker's fetch. Output is byte-stable per
/// request, so each source is known by the offset of its next output byte, and what lies below the
/// window's end is dropped: where one source ends early, the next carries on, and a reader does not
/// notice. Where nothing of the output has gone out to anyone, the fetch begins anew instead, so
/// that a client whose content comes from nobody is told so.
///
/// The window holds the output's beginning, so that late readers can join, while the output has at
/// most FetchContext::window_bytes_max bytes; afterwards it holds what the slowest reader still
/// needs, within the same bound. A spool takes over where the answer is to be cached, another
/// worker reads along, or a reader is too slow for the window. Where there can be no spool, the
/// slowest reader pauses the sources. Is it far behind for loner_after_ms, while another reader
/// waits, it leaves for a fetch of its own, a *loner*, which takes over what the window holds.
///
/// Readers that pause the sources for long hold no L2: the fetch *yields*. Its sources end, and
/// when a reader wants more, the next one goes on from there. A loner yields at once. Only sources
/// that can leave out what went out already are yielded.
///
/// Owned by the FetchTable, which destroys it when it is wanted no more (is_wanted()).
class Fetch {
 public:
  enum class State : uint8_t {
    kAsking,     ///< No source has proven a block. A joined file may be read.
    kStreaming,  ///< Output has come. Between two sources there may be none at work.
    kWhole,      ///< All output has come.
    kEnded,      ///< The fetch has failed or was cancelled. No readers are left.
  };

  /// `deadline_ms` is the time by which output must have come, and `trace_id` the first client's
  /// request id.
  Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
        uint64_t deadline_ms, FetchContext& context);
  /// A loner, for one of the stragglers() of `shared`: it has yielded, and asks once the reader
  /// wants more. The reader leaves `shared` and is told.
  Fetch(FetchId id, Fetch& shared, FetchReader& straggler, uint64_t now_ms);
  ~Fetch();

  // --- Readers ---
  /// True where a new reader can be given all of the output.
  [[nodiscard]] bool is_joinable() const;
  /// Adds a reader and gives it what output there is. Only where is_joinable().
  void add_reader(FetchReader& reader, uint64_t now_ms);
  void remove_reader(FetchReader& reader, uint64_t now_ms);
  [[nodiscard]] bool has_readers() const { return !readers_.empty(); }
  [[nodiscard]] size_t readers() const { return readers_.size(); }
  /// The reader takes output again.
  void on_reader_space(FetchReader& reader, uint64_t now_ms);

  // --- The broker and its sources ---
  /// Sets the network of the client that the fetch was begun for.
  void set_client(Network client) { client_ = client; }
  /// Makes the question to the broker, and keeps its number as question_id().
  [[nodiscard]] ipc::Fetch ask(QuestionId question_id, bool must_not_join, uint64_t now_ms);
  /// Takes an attempt's proof as a source, whose output begins at byte 0 unless it skips. Only
  /// where takes_source(). Sources race: who puts out the next byte first ends all others.
  void add_source(Proof& proof, ipc::Admission admission, uint64_t now_ms);
  /// The source leaves out the first `visits` blocks of the request's walk: it goes on from where
  /// the output has come to, or ends where that is another place.
  void on_source_skips(Proof& proof, uint64_t visits, uint64_t now_ms);
  /// The source does not begin at the root and does not say so: it goes on from where the output
  /// has come to, where its order said that. L2s of before leave blocks out like that.
  void on_source_begins_elsewhere(Proof& proof);
  /// Where the output has come to, for the next source.
  [[nodiscard]] ipc::Resume resume() const;
  /// True where output is still to come.
  [[nodiscard]] bool is_running() const {
    return state_ == State::kAsking || state_ == State::kStreaming;
  }
  [[nodiscard]] bool takes_source() const {
    return is_running() && !is_between_sources() && sources_.size() < kSourcesAtOnceMax;
  }
  [[nodiscard]] bool lacks_source() const {
    return is_running() && sources_.empty() && !is_between_sources();
  }
  /// True where the fetch waits for a source and no joined file may bring the rest.
  [[nodiscard]] bool is_waiting() const { return lacks_source() && !join_; }
  /// Takes the next output of a source. Moves the slices out of `output`.
  void on_output(const Proof& proof, Slices& output, uint64_t now_ms);
  /// The source has put out all of the request's output.
  void on_whole(Proof& proof, uint64_t now_ms);
  /// The source's outcome is decided, before all output came. True where another attempt is wanted.
  [[nodiscard]] bool on_source_ended(Proof& proof, uint64_t now_ms);
  /// The broker has given the fetch up.
  void on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms);
  void fail(Outcome why, uint32_t retry_after_s, uint64_t now_ms);
  /// Ends the fetch, since it is wanted no more, and cancels its sources.
  void cancel(uint64_t now_ms);
  void on_time(uint64_t now_ms);

  // --- Slow readers ---
  /// The readers that have to leave, since they keep others waiting, the slowest first: each is to
  /// get a loner, or else to be spared or cut. To be asked in each call of the fetch.
  [[nodiscard]] std::vector<FetchReader*> stragglers(uint64_t now_ms) const;
  /// Ends a straggler's answer. One that has taken a window's bytes since others wait for it stays
  /// instead, for as long again.
  void spare_or_cut(FetchReader& straggler, uint64_t now_ms);
  /// True, once, where the fetch has yielded and a reader wants more: the broker is to be asked. To
  /// be asked in each call of the fetch.
  [[nodiscard]] bool take_resumption(uint64_t now_ms);
  /// True where the broker has a question of the fetch's, which ends with it.
  [[nodiscard]] bool is_asked_for() const { return is_running() && !has_yielded_; }
  /// True where no other worker can follow the fetch, nor it another: its output is in no file from
  /// its start, and it asks for a window at a time.
  [[nodiscard]] bool asks_alone() const { return asks_alone_; }
  /// True where its readers pause sources that it cannot yield, and have been very slow for long.
  [[nodiscard]] bool is_pacing(uint64_t now_ms) const;

  /// No L2 is to be asked: without the cache the fetch fails. Only before the first question.
  void ask_only_cache() { asks_only_cache_ = true; }
  [[nodiscard]] bool asks_only_cache() const { return asks_only_cache_; }
  /// The output is to become a cached file of its own, wherever else it is a block of. Only before
  /// the first question.
  void want_own_file() { block_file_ = ipc::BlockFile::kNo; }

  /// The operator wants the content in the cache, whether it has readers or not.
  void warm() { is_warming_ = true; }

  /// Another list says what may not be served. All that comes from now on is judged by it; what
  /// has come was not, so that nobody else may join that (fetch_denials.cc).
  void on_denylist();

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
  /// The whole output, which a block of another content's file has made, and when that file was
  /// stored, in seconds since 1970. Moves the slices out of `output`.
  void on_block(Slices& output, int64_t stored_s, uint64_t now_ms);
  /// The block could not be taken out of the file that the broker named: `why` (kLost or kNo) is
  /// told with the next question, and no other file is to be named.
  void on_block_lost(ipc::BlockFile why) { block_file_ = why; }
  /// The joined file gets no more output, so that another source must bring it by `deadline_ms`;
  /// before the first output an earlier deadline stands. The part that it holds stays readable.
  void on_join_lost(uint64_t deadline_ms);
  /// Begins to find out how far the output in the joined file has come: go_on_seeking() is to be
  /// called now and at each of the fetch's times, and no source is taken meanwhile. False where no
  /// such output is there. Only where is_waiting().
  [[nodiscard]] bool seek_place(const WalkBudget& budget);
  [[nodiscard]] bool is_seeking_place() const { return finder_ != nullptr; }
  /// True once the search is over: the fetch is whole, or waits for the source that carries on.
  [[nodiscard]] bool go_on_seeking(uint64_t now_ms);

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
  /// The request id of the client that it was begun for.
  [[nodiscard]] const std::string& trace_id() const { return trace_id_; }
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
  /// The L2 that brought the output's last bytes; before any came, that of the last attempt, and
  /// empty before the first.
  [[nodiscard]] const std::string& l2_id() const {
    return used_sources_.last().empty() ? l2_id_ : used_sources_.last();
  }
  [[nodiscard]] const UsedSources& used_sources() const { return used_sources_; }
  [[nodiscard]] const Spool* spool() const { return spool_; }

 private:
  Fetch(FetchId id, CarRequest request, const RequestKey& key, std::string trace_id,
        uint64_t deadline_ms, FetchContext& context, size_t& pinned);

  /// One source that is at work.
  struct Source {
    Proof* proof;       ///< Owned by its feed; removed here before it ends.
    uint64_t next = 0;  ///< The offset of its next output byte.
  };
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
  /// True where a file can bring the rest: before any source has, or in between where it asks for a
  /// window at a time.
  [[nodiscard]] bool takes_file() const {
    return state_ == State::kAsking || (state_ == State::kStreaming && asks_alone_);
  }
  /// True where a block of another content's file can be the whole output.
  [[nodiscard]] bool takes_block() const {
    return state_ == State::kAsking && !has_begun() && context_.cache.is_on() &&
           asks_for_one_block(request_);
  }
  void end_with(Slices& output, uint64_t now_ms);
  /// True while it is to have no source: it has yielded, or its place is sought.
  [[nodiscard]] bool is_between_sources() const { return has_yielded_ || finder_; }
  /// Adjusts the spool, the window and the sources' pause, and reports progress. Called after any
  /// change to what is held, written or read.
  void adjust_flow(uint64_t now_ms);
  void consider_spool(bool is_blocked);
  void pump_spool(bool is_blocked, uint64_t now_ms);
  void trim(const Slowest& slowest);
  [[nodiscard]] bool is_large() const;
  [[nodiscard]] Source& source_of(const Proof& proof);
  [[nodiscard]] std::optional<ProofPosition> position_of(const Source& source) const;
  [[nodiscard]] std::optional<ProofPosition> position() const;
  /// Lets a source go on from `place`, where the output has come to.
  void go_on_from(ProofPosition place, Proof& proof);
  void end_others(const Proof& winner, uint64_t now_ms);
  void remove_source(Proof& proof);
  void drop_sources(Outcome why, uint64_t now_ms);
  [[nodiscard]] bool may_begin_anew() const;
  /// True while a warming fetch can still get a spool for all of its output.
  [[nodiscard]] bool may_warm() const;
  [[nodiscard]] bool is_blocked(const Slowest& slowest) const;
  [[nodiscard]] bool is_short() const {
    return window_.pinned_in_all() > limits::kFetchWindowsBytesMax;
  }
  [[nodiscard]] bool has_hungry_reader() const;
  [[nodiscard]] bool is_spooling() const;
  void note_slow_readers(const Slowest& slowest, uint64_t now_ms);
  void await(FetchReader& reader, uint64_t now_ms);
  [[nodiscard]] bool is_straggler(const FetchReader& reader, uint64_t now_ms) const;
  [[nodiscard]] bool may_yield() const;
  [[nodiscard]] bool is_yield_due(uint64_t now_ms) const;
  void yield(uint64_t now_ms);
  [[nodiscard]] bool is_resumption_due() const;
  void watch_readers(const Slowest& slowest, uint64_t now_ms);
  void watch_pause(uint64_t now_ms);
  [[nodiscard]] DenylistId denylist_id() const;
  void report(uint64_t now_ms);
  void report_failure();
  void begin_anew(uint64_t now_ms);
  void renew_deadline(uint64_t now_ms);
  /// Gives the next source the time of a request, in an answer that has begun.
  void begin_deadline(uint64_t now_ms);
  void pause(uint64_t now_ms);
  void end();

  FetchId id_;
  QuestionId question_id_{};
  CarRequest request_;
  RequestKey key_;
  std::string trace_id_;
  Network client_{};  ///< 0: there is none, or it goes on with what another fetch began.
  uint64_t deadline_ms_;
  uint64_t renewed_at_bytes_ = 0;  ///< The end of the output when deadline_ms_ was last renewed.
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
  /// What the next question says of cached files that hold the one block wanted.
  ipc::BlockFile block_file_ = ipc::BlockFile::kMay;
  bool asks_only_cache_ = false;
  std::unique_ptr<PlaceFinder> finder_;  ///< Null while no place is sought.
  bool finds_place_ = true;              ///< False once a search was in vain.

  // Reports to the broker, for other workers that read along.
  bool is_reported_ = false;
  uint64_t reported_bytes_ = 0;
  uint64_t reported_ms_ = 0;
  bool has_reported_end_ = false;

  std::vector<Source> sources_;  ///< At work; at most kSourcesAtOnceMax.
  /// Where the source that brought the output's last bytes ended, until another brings more.
  std::optional<ProofPosition> position_;
  bool is_blocked_ = false;  ///< The window is full, and neither reader nor spool takes more.
  bool is_paused_ = false;   ///< This fetch has paused its sources for that.
  uint64_t paused_since_ms_ = 0;
  uint64_t pause_call_ms_ = kNever;  ///< The next call for that; kNever where none is awaited.
  uint32_t attempts_ = 0;
  std::string l2_id_;  ///< That of the last attempt.
  UsedSources used_sources_;
  bool has_met_lies_ = false;
  DenylistId judged_by_ = denylist_id();  ///< The list that denies nothing of the output.
  bool is_stale_ = false;                 ///< Another one is in force since then.

  // Slow readers.
  bool is_alone_ = false;
  bool asks_alone_ = false;
  bool has_yielded_ = false;  ///< Its sources were ended, until a reader wants more.
  bool has_asked_to_skip_ = false;
  /// A source has sent what it was to leave out, so that the next might as well.
  bool is_skip_ignored_ = false;
  bool has_slow_readers_ = false;
  ReaderPace pace_;
};

}  // namespace daphnis::worker
