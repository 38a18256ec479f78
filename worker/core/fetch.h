#pragma once

#include <string>

#include "common/core/car_request.h"
#include "common/core/ipc_messages.h"
#include "worker/core/answers.h"
#include "worker/core/l2_stream.h"

namespace daphnis::worker {

class Fetch;

/// Who reads what a fetch proves. Owned by whoever answers a client; leaves the fetch before it
/// dies.
class FetchReader {
 public:
  /// Proven output, in order. Takes the slices.
  virtual void on_output(Fetch& fetch, Slices& output, uint64_t now_ms) = 0;
  /// That was all. The reader is detached from the fetch.
  virtual void on_whole(Fetch& fetch, uint64_t now_ms) = 0;
  /// No more will come. The reader is detached from the fetch.
  virtual void on_failed(Fetch& fetch, FailureKind why, uint32_t retry_after_s,
                         uint64_t now_ms) = 0;
  /// Wants nothing more until it says otherwise (Fetch::on_room()).
  [[nodiscard]] virtual bool is_full() const = 0;

 protected:
  ~FetchReader() = default;
};

/// One object being got from L2s: asks, is fed by one stream after another until one completes, and
/// passes the proven output on. Output is byte-stable per request, so whatever feeds it next goes
/// on at output_bytes(). Owned by the Worker; over when its reader has all, is told of the failure,
/// or leaves.
class Fetch {
 public:
  enum class State : uint8_t {
    kAsking,     ///< Nothing is proven yet; at most one stream is trying.
    kStreaming,  ///< Output has gone to the reader.
    kOver,
  };

  /// `deadline_ms`: by when output must have come. `trace_id` is the client's request id.
  Fetch(FetchId id, CarRequest request, std::string trace_id, FetchReader& reader,
        uint64_t deadline_ms);

  /// The question to the broker.
  [[nodiscard]] ipc::Fetch question(uint64_t now_ms) const;

  /// An attempt's stream has come. Only where wants_stream().
  void on_stream(L2Stream& stream);
  [[nodiscard]] bool wants_stream() const { return state_ == State::kAsking && !stream_; }
  [[nodiscard]] bool is_fed_by(const L2Stream& stream) const { return stream_ == &stream; }

  void on_output(Slices& output, uint64_t now_ms);
  void on_whole(uint64_t now_ms);
  /// The stream's outcome stands. True: nothing is lost yet and another attempt is wanted.
  [[nodiscard]] bool on_stream_ended(uint64_t now_ms);
  /// The broker gave up.
  void on_refused(const ipc::FetchFailed& refusal, uint64_t now_ms);
  void fail(FailureKind why, uint32_t retry_after_s, uint64_t now_ms);
  /// The reader takes more again.
  void on_room(uint64_t now_ms);
  /// The reader has gone: ends the stream, if there is one, by an early answer.
  void abandon(uint64_t now_ms);

  [[nodiscard]] FetchId id() const { return id_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_over() const { return state_ == State::kOver; }
  [[nodiscard]] bool has_stream() const { return stream_ != nullptr; }
  [[nodiscard]] const CarRequest& request() const { return request_; }
  [[nodiscard]] uint64_t deadline_ms() const { return deadline_ms_; }
  /// Proven bytes passed on: where the next stream has to go on.
  [[nodiscard]] uint64_t output_bytes() const { return output_bytes_; }
  /// Attempts that reached this worker, or that the broker told of.
  [[nodiscard]] uint32_t attempts() const { return attempts_; }
  /// Of the last attempt; empty before the first.
  [[nodiscard]] const std::string& l2_id() const { return l2_id_; }

 private:
  FetchId id_;
  CarRequest request_;
  std::string trace_id_;
  FetchReader& reader_;
  uint64_t deadline_ms_;
  State state_ = State::kAsking;
  L2Stream* stream_ = nullptr;  ///< The Worker's; cleared when its attempt has ended.
  uint64_t output_bytes_ = 0;
  uint32_t attempts_ = 0;
  std::string l2_id_;
  bool has_met_lies_ = false;
};

}  // namespace daphnis::worker
