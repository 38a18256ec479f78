#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/http/http_parser.h"
#include "common/ipc/ipc_messages.h"
#include "worker/base/connection.h"
#include "worker/base/lingering.h"
#include "worker/proof/proof.h"

namespace daphnis::worker {

/// One handed-off POST of an L2 (DESIGN 4a): parses it from its first byte, feeds its body to the
/// attempt's proof, replies by the outcome, and ends with a socket to close or to give back. Owned
/// by the Worker; outlives its attempt by the time that the reply takes.
class PostStream final : public Connection, private ProofFeed {
 public:
  /// What the Handoff message says of the socket, for the message that gives it back.
  struct Origin {
    uint64_t cookie = 0;
    std::string address = {};
  };

  PostStream(ConnectionId id, Agenda& agenda, const Proof::Context& context, Origin origin,
             Proof::Attempt attempt, const CarRequest& request, uint64_t now_ms);

  /// Takes what the broker had read of the POST, before any other bytes.
  void start(Bytes received, uint64_t now_ms);

  void on_bytes(const Slice& input, uint64_t now_ms) override;
  void on_eof(uint64_t now_ms) override;
  void on_lost(uint64_t now_ms) override;
  void on_written(size_t size, uint64_t now_ms) override;
  void on_time(uint64_t now_ms) override;
  [[nodiscard]] size_t output(std::span<Bytes> views) override;
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] bool keeps_input() const override {
    return phase_ == Phase::kReading && proof_.keeps_input();
  }
  [[nodiscard]] Ending ending() const override { return ending_; }

  [[nodiscard]] Proof& proof() { return proof_; }
  [[nodiscard]] const Proof& proof() const { return proof_; }

  /// The message that goes to the broker with the socket. Valid where the ending is kGiveBack.
  [[nodiscard]] ipc::ReturnSocket give_back() const {
    return {.cookie = origin_.cookie, .surplus = surplus_, .address = origin_.address};
  }

 private:
  enum class Phase : uint8_t {
    kReading,     ///< The head and the body are read.
    kReadingOut,  ///< Nobody needs the rest of the body, which is small; the reply follows it.
    kRead,        ///< The message was read to its end, and its proof is not over.
    kReplied,     ///< The message was read to its end; the reply goes out.
    kClosing,     ///< An early reply goes out; input is thrown away.
  };

  // ProofFeed
  void on_flow_changed() override { wake(); }
  void call_proof_at(uint64_t at_ms) override { be_called_at(at_ms); }
  void on_outcome(uint64_t now_ms) override;

  void on_head(uint64_t now_ms);
  void on_message_end(Bytes past_the_end, uint64_t now_ms);
  [[nodiscard]] bool may_read_out() const;
  void reply_at_end(uint64_t now_ms);
  void reply_early(uint64_t now_ms);
  void on_cut(uint64_t now_ms);
  void reply(int status, bool keep_alive);
  void linger(uint64_t now_ms);
  void close(Ending how);

  Origin origin_;
  http::Parser parser_{http::Parser::Kind::kRequest};
  Proof proof_;

  Phase phase_ = Phase::kReading;
  Ending ending_ = Ending::kOpen;
  bool keeps_alive_ = false;  ///< The L2 wants to use the connection again.
  bool may_go_back_ = true;   ///< The connection is in a state in which it could go back.
  uint64_t body_bytes_ = 0;   ///< Of the body, those that have come.

  std::string output_;
  std::vector<uint8_t> surplus_;  ///< Bytes after the end of the body, for the broker.
  std::optional<Lingering> lingering_;
};

}  // namespace daphnis::worker
