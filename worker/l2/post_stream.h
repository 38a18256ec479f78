#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/http/http_parser.h"
#include "worker/base/connection.h"
#include "worker/base/lingering.h"
#include "worker/proof/proof.h"

namespace daphnis::worker {

/// The connection that a PostStream comes on. Owns it.
class PostCarrier {
 public:
  /// The post's output, its ending, or whether it wants input may have changed.
  virtual void on_post_changed() = 0;
  /// Asks for PostStream::on_time() at `at_ms`. Earlier calls do no harm.
  virtual void call_post_at(uint64_t at_ms) = 0;

 protected:
  ~PostCarrier() = default;
};

/// One POST of an L2 (DESIGN 4a): parses it from its first byte, feeds its body to the attempt's
/// proof, and replies by the outcome. Its functions are those of a Connection, which its carrier
/// calls in turn. Outlives its attempt by the time that the reply takes.
class PostStream final : private ProofFeed {
 public:
  /// `carrier` must outlive this object.
  PostStream(PostCarrier& carrier, const Proof::Context& context, Proof::Attempt attempt,
             const CarRequest& request, uint64_t now_ms);

  /// Takes what was read of the POST already, before any other bytes.
  void start(Bytes received, uint64_t now_ms);

  void on_bytes(const Slice& input, uint64_t now_ms);
  void on_eof(uint64_t now_ms) { on_cut(now_ms); }
  void on_lost(uint64_t now_ms) { on_cut(now_ms); }
  void on_written(size_t size) { output_.erase(0, size); }
  void on_time(uint64_t now_ms);
  [[nodiscard]] size_t output(std::span<Bytes> views);
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] bool keeps_input() const {
    return phase_ == Phase::kReading && proof_.keeps_input();
  }
  /// kGiveBack: once the output is written the connection can be used for another message.
  [[nodiscard]] Ending ending() const { return ending_; }
  [[nodiscard]] bool is_written() const { return output_.empty(); }

  [[nodiscard]] Proof& proof() { return proof_; }
  [[nodiscard]] const Proof& proof() const { return proof_; }
  /// The bytes that were read behind the POST. Valid where the ending is kGiveBack.
  [[nodiscard]] const std::vector<uint8_t>& surplus() const { return surplus_; }

 private:
  enum class Phase : uint8_t {
    kReading,     ///< The head and the body are read.
    kReadingOut,  ///< Nobody needs the rest of the body, which is small; the reply follows it.
    kRead,        ///< The message was read to its end, and its proof is not over.
    kReplied,     ///< The message was read to its end; the reply goes out.
    kClosing,     ///< An early reply goes out; input is thrown away.
  };

  // ProofFeed
  void on_flow_changed() override { carrier_.on_post_changed(); }
  void call_proof_at(uint64_t at_ms) override { carrier_.call_post_at(at_ms); }
  void on_outcome(uint64_t now_ms) override;

  void on_head(uint64_t now_ms);
  void on_message_end(Bytes past_the_end, uint64_t now_ms);
  void keep_surplus(Bytes bytes);
  [[nodiscard]] bool may_read_out() const;
  void reply_at_end(uint64_t now_ms);
  void reply_early(uint64_t now_ms);
  void on_cut(uint64_t now_ms);
  void reply(int status, bool keep_alive);
  void linger(uint64_t now_ms);
  void close(Ending how);

  PostCarrier& carrier_;
  http::Parser parser_{http::Parser::Kind::kRequest};
  Proof proof_;

  Phase phase_ = Phase::kReading;
  Ending ending_ = Ending::kOpen;
  bool keeps_alive_ = false;  ///< The L2 wants to use the connection again.
  bool may_go_back_ = true;   ///< The connection is in a state in which it could be used again.
  uint64_t body_bytes_ = 0;   ///< Of the body, those that have come.

  std::string output_;
  std::vector<uint8_t> surplus_;  ///< Bytes after the end of the body.
  std::optional<Lingering> lingering_;
};

}  // namespace daphnis::worker
