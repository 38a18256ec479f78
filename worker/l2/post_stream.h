#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_parser.h"
#include "common/ipc/ipc_messages.h"
#include "common/proof/verifier.h"
#include "worker/base/connection.h"
#include "worker/base/lingering.h"
#include "worker/base/pause_reasons.h"
#include "worker/base/rate_watch.h"
#include "worker/base/settings.h"
#include "worker/base/stall_clock.h"

namespace daphnis::worker {

class L2Stream;

/// The receiver of what a stream proves. Implemented by the worker's table of fetches; must not
/// destroy the stream within a call.
class StreamListener {
 public:
  /// Proven output of the attempt has come, in sequence. The listener moves the slices out of
  /// `output`.
  virtual void on_stream_output(L2Stream& stream, Slices& output, uint64_t now_ms) = 0;
  /// All of the request's output has been put out. The outcome may still be that the L2 sent too
  /// much.
  virtual void on_stream_whole(L2Stream& stream, uint64_t now_ms) = 0;
  /// The attempt's outcome is decided. Called exactly once per stream.
  virtual void on_stream_ended(L2Stream& stream, uint64_t now_ms) = 0;

 protected:
  ~StreamListener() = default;
};

/// One handed-off POST of an L2 (DESIGN 4a): parses it from its first byte, proves its body against
/// the request, replies, and ends with a socket to close or to give back. Owned by the Worker;
/// outlives its attempt by the time that the reply takes.
class L2Stream final : public Connection {
 public:
  /// The attempt, as the Handoff message describes it.
  struct Attempt {
    QuestionId question_id{};
    Uuid id{};
    uint64_t cookie = 0;
    StreamShape shape = StreamShape::kExact;
    uint32_t number = 0;
    std::string l2_id;
  };

  L2Stream(ConnectionId id, Agenda& agenda, const Settings& settings, StreamListener& listener,
           Attempt attempt, const CarRequest& request, uint64_t now_ms);

  /// Takes what the broker had read of the POST, before any other bytes.
  void start(Bytes received, uint64_t now_ms);

  void on_bytes(const Slice& input, uint64_t now_ms) override;
  void on_eof(uint64_t now_ms) override;
  void on_lost(uint64_t now_ms) override;
  void on_written(size_t size, uint64_t now_ms) override;
  void on_time(uint64_t now_ms) override;
  [[nodiscard]] size_t output(std::span<Bytes> views) override;
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] bool keeps_input() const override { return phase_ == Phase::kReading; }
  [[nodiscard]] Ending ending() const override { return ending_; }

  void pause(Pause reason, uint64_t now_ms);
  void resume(Pause reason, uint64_t now_ms);
  /// Ends the upload by an early reply (410), since the attempt is wanted no more. Does nothing
  /// once the outcome is decided.
  void cancel(uint64_t now_ms);
  /// The broker that handed the stream off is gone: the socket cannot go back to it.
  void forget_broker() { is_from_this_broker_ = false; }

  [[nodiscard]] const Attempt& attempt() const { return attempt_; }
  [[nodiscard]] bool is_from_this_broker() const { return is_from_this_broker_; }
  [[nodiscard]] bool has_ended() const { return outcome_.has_value(); }
  /// The outcome, valid from on_stream_ended() on.
  [[nodiscard]] Outcome outcome() const { return *outcome_; }
  /// True where proven bytes show that no L2 can serve the request (no such path, a budget
  /// exceeded, an unknown hash). The outcome is kComplete then, since the L2 did its part.
  [[nodiscard]] bool is_content_fault() const { return failure_ && verifier_.is_content_fault(); }
  [[nodiscard]] const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  [[nodiscard]] uint64_t blocks_proven() const { return verifier_.blocks_proven(); }
  [[nodiscard]] uint64_t body_bytes() const { return body_bytes_; }
  [[nodiscard]] uint64_t started_ms() const { return started_ms_; }

  /// The message that goes to the broker with the socket. Valid where the ending is kGiveBack.
  [[nodiscard]] ipc::ReturnSocket give_back() const { return {attempt_.cookie, surplus_}; }

 private:
  enum class Phase : uint8_t {
    kReading,    ///< The head and the body are read.
    kRepeating,  ///< The message was read to its end; blocks that come again are still put out.
    kTail,  ///< The walk is over, the body is not: either its end or the proof of a lie is awaited.
    kReplied,  ///< The message was read to its end; the reply goes out.
    kClosing,  ///< An early reply goes out; input is thrown away.
  };

  void on_head();
  void on_body(Slice body, uint64_t now_ms);
  void on_message_end(Bytes past_the_end, uint64_t now_ms);
  void on_body_proven(Verifier::State state, uint64_t now_ms);
  void on_cut(uint64_t now_ms);
  void check_verifier(Verifier::State state, uint64_t now_ms);
  void flush_output(uint64_t now_ms);
  void put_out_repeats(uint64_t now_ms);
  void restart_clocks(uint64_t now_ms);

  void finish_message(Outcome outcome, uint64_t now_ms);
  void decide_outcome(Outcome outcome, uint64_t now_ms);
  /// Decides the outcome and replies although the message may go on.
  void end_early(Outcome outcome, uint64_t now_ms);
  void reply(int status, bool keep_alive);
  void close(Ending how);

  const Settings& settings_;
  StreamListener& listener_;
  Attempt attempt_;
  http::Parser parser_{http::Parser::Kind::kRequest};
  Verifier verifier_;
  bool wants_whole_dag_;  ///< The request covers all that a legacy L2 sends.
  Slices proven_;         ///< Output of the input being taken, not yet passed to the listener.

  Phase phase_ = Phase::kReading;
  Ending ending_ = Ending::kOpen;
  std::optional<Outcome> outcome_;
  std::optional<Error> failure_;
  bool says_not_found_ = false;  ///< The head has Daphnis-Not-Found.
  bool is_from_this_broker_ = true;
  bool keeps_alive_ = false;  ///< The L2 wants to use the connection again.
  bool may_go_back_ = true;   ///< The connection is in a state in which it could go back.

  std::string output_;
  std::vector<uint8_t> surplus_;  ///< Bytes after the end of the body, for the broker.
  uint64_t body_bytes_ = 0;
  uint64_t started_ms_;

  PauseReasons paused_;
  StallClock stall_;
  RateWatch rate_;
  std::optional<Lingering> lingering_;
};

}  // namespace daphnis::worker
