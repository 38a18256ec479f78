#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/uuid.h"
#include "common/proof/verifier.h"
#include "common/request/car_request.h"
#include "common/request/outcome.h"
#include "common/request/stream_shape.h"
#include "worker/base/ids.h"
#include "worker/base/pause_reasons.h"
#include "worker/base/rate_watch.h"
#include "worker/base/settings.h"
#include "worker/base/stall_clock.h"
#include "worker/proof/pool_rate.h"

namespace daphnis::worker {

class Fetch;
class Proof;

/// What brings an attempt's CAR to its proof, whatever carries it: each transport has a class of
/// its own, which owns the proof.
class ProofFeed {
 public:
  /// Proof::wants_input() may have changed.
  virtual void on_flow_changed() = 0;
  /// Asks for Proof::on_time() at `at_ms`. Earlier calls do no harm.
  virtual void call_proof_at(uint64_t at_ms) = 0;
  /// The outcome is decided, perhaps before the CAR's end: the L2 is to be told. Called once, and
  /// never within a call that brings input's end.
  virtual void on_outcome(uint64_t now_ms) = 0;

 protected:
  ~ProofFeed() = default;
};

/// The receiver of what a proof puts out. Implemented by the worker's table of fetches; must not
/// destroy the proof within a call.
class ProofListener {
 public:
  /// Proven output of the attempt has come, in sequence. The listener moves the slices out of
  /// `output`.
  virtual void on_proof_output(Proof& proof, Slices& output, uint64_t now_ms) = 0;
  /// The L2 leaves out the first `visits` blocks of the request's walk, as its order allowed. The
  /// listener calls Proof::go_on_from() with the position there, or gives the proof up.
  virtual void on_proof_skips(Proof& proof, uint64_t visits, uint64_t now_ms) = 0;
  /// The L2 does not begin at the root, though it does not say that it leaves blocks out. The
  /// listener calls Proof::go_on_from() where its order allowed that.
  virtual void on_proof_begins_elsewhere(Proof& proof) = 0;
  /// The L2 is slow: it was silent for l2_slow_ms while it was read, or far behind what others
  /// send. Called again only where more has come in between.
  virtual void on_proof_slow(Proof& proof, uint64_t now_ms) = 0;
  /// All of the request's output has been put out. The outcome may still be that the L2 sent too
  /// much.
  virtual void on_proof_whole(Proof& proof, uint64_t now_ms) = 0;
  /// The attempt's outcome is decided. Called exactly once per proof.
  virtual void on_proof_ended(Proof& proof, uint64_t now_ms) = 0;

 protected:
  ~ProofListener() = default;
};

/// The proof of one attempt's CAR against the request (DESIGN 5): its verifier, its clocks and its
/// outcome. Knows nothing of what carries the CAR. Owned by its ProofFeed, which outlives the
/// attempt by the time that its last words take; points to the fetch that it feeds.
class Proof {
 public:
  /// The attempt, as the broker announced it.
  struct Attempt {
    QuestionId question_id{};
    Uuid id{};
    StreamShape shape = StreamShape::kExact;
    uint32_t number = 0;
    std::string l2_id{};
  };

  /// What the proofs of a worker share; must outlive them.
  struct Context {
    const Settings& settings;
    ProofListener& listener;
    PoolRate& pool;
  };

  /// `feed` must outlive this object.
  Proof(Attempt attempt, const CarRequest& request, const Context& context, ProofFeed& feed,
        uint64_t now_ms);
  ~Proof();
  Proof(const Proof&) = delete;
  Proof& operator=(const Proof&) = delete;

  // --- From the feed; none may be called once the outcome is decided, but for on_time() ---
  /// Sets the clock for the first block.
  void start(uint64_t now_ms);
  /// The L2 says that it has not got the content, so that a CAR without bytes is no fault.
  void on_not_found() { says_not_found_ = true; }
  /// The L2 says that it leaves out the first `visits` blocks. Before any bytes.
  void on_skip(uint64_t visits, uint64_t now_ms);
  /// Takes the next bytes of the CAR. Where that decides the outcome, the rest of the input is of
  /// no use.
  void on_bytes(const Slice& bytes, uint64_t now_ms);
  /// All input that there was has been given, and the CAR has not ended.
  void on_input_used(uint64_t now_ms);
  /// The CAR has ended as its carrier says it should.
  void on_end(uint64_t now_ms);
  /// The carrier broke.
  void on_cut(uint64_t now_ms);
  /// The carrier breaks its own rules. `what` is one line of plain text.
  void on_malformed(std::string_view what, uint64_t now_ms);
  void on_time(uint64_t now_ms);
  /// True where the feed should read on.
  [[nodiscard]] bool wants_input() const;
  /// True where slices of the input may be kept.
  [[nodiscard]] bool keeps_input() const { return phase_ == Phase::kProving; }

  // --- From the fetch ---
  void pause(Pause reason, uint64_t now_ms);
  void resume(Pause reason, uint64_t now_ms);
  /// The CAR may begin elsewhere than at the root, since its order said that a part of the output
  /// is there. Before any bytes.
  void allow_other_beginning() { may_begin_elsewhere_ = attempt_.shape == StreamShape::kExact; }
  /// Goes on from where the proof of another stream for the same request has come. Before any
  /// block was proven.
  void go_on_from(ProofPosition position, const CarRequest& request);
  /// Ends the attempt: it is wanted no more (kCancelled), or another source was faster
  /// (kOvertaken). Does nothing once the outcome is decided.
  void give_up(Outcome why, uint64_t now_ms);
  /// Where the proof has come to, for the next source; nullopt where nothing has been put out, or
  /// no more blocks are due.
  [[nodiscard]] std::optional<ProofPosition> position() const { return verifier_.position(); }
  /// The fetch that takes what this proof puts out; null: none (yet, or any more).
  [[nodiscard]] Fetch* fetch() const { return fetch_; }
  void set_fetch(Fetch* fetch) { fetch_ = fetch; }
  /// `bytes` of what this proof put out were the first to come for the fetch.
  void note_used(uint64_t bytes) { used_bytes_ += bytes; }
  /// The fetch has forgotten all of its output, so that nothing of this proof's is of use.
  void forget_used() { used_bytes_ = 0; }
  [[nodiscard]] uint64_t used_bytes() const { return used_bytes_; }

  /// The broker that announced the attempt is gone: the next one does not know it.
  void forget_broker() { is_from_this_broker_ = false; }
  [[nodiscard]] bool is_from_this_broker() const { return is_from_this_broker_; }

  [[nodiscard]] const Attempt& attempt() const { return attempt_; }
  [[nodiscard]] bool has_ended() const { return outcome_.has_value(); }
  /// The outcome, valid from ProofFeed::on_outcome() on.
  [[nodiscard]] Outcome outcome() const { return *outcome_; }
  /// True where proven bytes show that no L2 can serve the request (no such path, a budget
  /// exceeded, an unknown hash). The outcome is kComplete then, since the L2 did its part.
  [[nodiscard]] bool is_content_fault() const { return failure_ && verifier_.is_content_fault(); }
  /// Why the content may not be served, where its proof came to a block that is denied. The outcome
  /// is kCancelled then: the L2 did its part, and nobody wants the rest.
  [[nodiscard]] const std::optional<Denial>& denial() const { return verifier_.denial(); }
  /// Verifier::missing_after().
  [[nodiscard]] std::optional<size_t> missing_after() const { return verifier_.missing_after(); }
  [[nodiscard]] const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  /// Takes the keys of what the block links to that the request is for (Verifier::take_links()).
  [[nodiscard]] std::vector<uint64_t> take_links() { return verifier_.take_links(); }
  [[nodiscard]] uint64_t blocks_proven() const { return verifier_.blocks_proven(); }
  [[nodiscard]] uint64_t car_bytes() const { return car_bytes_; }
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }

 private:
  enum class Phase : uint8_t {
    kProving,    ///< The CAR is read.
    kRepeating,  ///< The CAR was read to its end; blocks that come again are still put out.
    kTail,  ///< The walk is over, the CAR is not: either its end or the proof of a lie is awaited.
    kOver,  ///< The outcome is decided.
  };

  [[nodiscard]] Verifier::State verify(const Slice& bytes);
  void on_verified(Verifier::State state, uint64_t now_ms);
  void on_all_proven(Verifier::State state, uint64_t now_ms);
  void flush_output(uint64_t now_ms);
  void put_out_repeats(uint64_t now_ms);
  void restart_clocks(uint64_t now_ms);
  void call_at_next_deadline();
  void stop_clocks();
  [[nodiscard]] bool is_slow(uint64_t now_ms);
  void decide(Outcome outcome, uint64_t now_ms);

  Attempt attempt_;
  const Context& context_;
  ProofFeed& feed_;
  Fetch* fetch_ = nullptr;
  Verifier verifier_;
  bool wants_whole_dag_;  ///< The request covers all that a legacy L2 sends.
  /// The CAR's first bytes, while the section that decides where it begins may not have come.
  std::vector<uint8_t> start_;
  bool may_begin_elsewhere_ = false;  ///< Until it is known where the CAR begins.
  Slices proven_;  ///< Output of the input being taken, not yet passed to the listener.

  Phase phase_ = Phase::kProving;
  std::optional<Outcome> outcome_;
  std::optional<Error> failure_;
  bool says_not_found_ = false;
  bool is_from_this_broker_ = true;
  uint64_t car_bytes_ = 0;
  uint64_t used_bytes_ = 0;
  uint64_t started_ms_;

  PauseReasons paused_;
  uint64_t paused_ms_ = 0;        ///< The time that pauses have taken.
  uint64_t paused_since_ms_ = 0;  ///< Valid while paused.
  StallClock stall_;
  RateWatch rate_;
  // Until another source is to be started beside this one.
  StallClock silence_;
  RateWatch pace_;
};

}  // namespace daphnis::worker
