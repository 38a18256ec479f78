#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

  /// All references must outlive this object.
  Proof(Attempt attempt, const CarRequest& request, const Settings& settings, ProofFeed& feed,
        ProofListener& listener, uint64_t now_ms);
  ~Proof();
  Proof(const Proof&) = delete;
  Proof& operator=(const Proof&) = delete;

  // --- From the feed; none may be called once the outcome is decided, but for on_time() ---
  /// Sets the clock for the first block.
  void start(uint64_t now_ms);
  /// The L2 says that it has not got the content, so that a CAR without bytes is no fault.
  void on_not_found() { says_not_found_ = true; }
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
  /// Ends the attempt, since it is wanted no more. Does nothing once the outcome is decided.
  void cancel(uint64_t now_ms);
  /// The fetch that takes what this proof puts out; null: none (yet, or any more).
  [[nodiscard]] Fetch* fetch() const { return fetch_; }
  void set_fetch(Fetch* fetch) { fetch_ = fetch; }

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
  [[nodiscard]] const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
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

  void on_verified(Verifier::State state, uint64_t now_ms);
  void on_all_proven(Verifier::State state, uint64_t now_ms);
  void flush_output(uint64_t now_ms);
  void put_out_repeats(uint64_t now_ms);
  void restart_clocks(uint64_t now_ms);
  void decide(Outcome outcome, uint64_t now_ms);

  Attempt attempt_;
  const Settings& settings_;
  ProofFeed& feed_;
  ProofListener& listener_;
  Fetch* fetch_ = nullptr;
  Verifier verifier_;
  bool wants_whole_dag_;  ///< The request covers all that a legacy L2 sends.
  Slices proven_;         ///< Output of the input being taken, not yet passed to the listener.

  Phase phase_ = Phase::kProving;
  std::optional<Outcome> outcome_;
  std::optional<Error> failure_;
  bool says_not_found_ = false;
  bool is_from_this_broker_ = true;
  uint64_t car_bytes_ = 0;
  uint64_t started_ms_;

  PauseReasons paused_;
  StallClock stall_;
  RateWatch rate_;
};

}  // namespace daphnis::worker
