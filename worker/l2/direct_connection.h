#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_parser.h"
#include "common/ipc/ipc_messages.h"
#include "common/request/data_target.h"
#include "worker/base/lingering.h"
#include "worker/l2/l2_connection.h"

namespace daphnis::worker {

/// Who is at the other end of a direct connection.
struct DirectPeer {
  std::string address = {};       ///< Without port.
  bool over_tls = false;          ///< Nobody on the way can read or change what it sends.
  std::string certified_id = {};  ///< The L2 id that its certificate proves; empty: none.
  uint64_t cookie = 0;            ///< SO_COOKIE of the socket; the Driver knows it.
};

/// Decides what becomes of the POSTs that come on direct connections. Implemented by the Worker.
class DirectPosts {
 public:
  /// What the broker has said of the attempt of a POST.
  enum class Answer : uint8_t {
    kNone,       ///< It has not been asked.
    kAll,        ///< Nothing beyond what it has told before.
    kElsewhere,  ///< It is an attempt of which the worker cannot know.
  };
  struct Verdict {
    /// The POST, whose stream is wanted or given up already; null: it gets the reply.
    std::unique_ptr<PostStream> post = {};
    BadTarget reply = {};         ///< Of status 200 where the L2 has said not-found.
    bool awaits_answer = false;   ///< The broker is asked about the attempt before all that.
    bool goes_to_broker = false;  ///< The connection is the broker's, as if it had come there.
  };
  /// The head of a POST has come. `carrier` will own the post. Where there is no answer of the
  /// broker, on_answer() or on_no_answer() may have to come first.
  [[nodiscard]] virtual Verdict on_post(PostCarrier& carrier, const DataTarget& target,
                                        const DirectPeer& peer, Answer answer, uint64_t now_ms) = 0;
  /// False where connections end with the POST that is under way, since the worker leaves.
  [[nodiscard]] virtual bool keeps_connections() const = 0;

 protected:
  ~DirectPosts() = default;
};

/// A connection on which an L2 has come to the worker itself: reads the heads of its POSTs, one
/// after the other, replies to those that no attempt waits for as the broker would, and gives each
/// other one to a PostStream. Knows nothing of TLS: its driver brings plain text. Owned by the
/// Worker.
class DirectConnection final : public L2Connection, private PostCarrier {
 public:
  /// `posts` must outlive this object.
  DirectConnection(ConnectionId id, Agenda& agenda, DirectPosts& posts, DirectPeer peer,
                   uint64_t now_ms);

  [[nodiscard]] PostStream* post() override { return post_.get(); }
  /// Since when it waits for a POST; nothing while one is under way.
  [[nodiscard]] std::optional<uint64_t> idle_since_ms() const;
  /// Closes it for another connection, or since the worker leaves. Only while it is idle.
  void shed() { close(); }
  /// The broker has answered the question about an attempt.
  void on_answer(const ipc::AttemptAnswer& answer, uint64_t now_ms);
  /// The broker is gone, and will not tell.
  void on_no_answer(uint64_t now_ms);
  /// The message that goes to the broker with the socket. Valid where the ending is kGiveBack.
  [[nodiscard]] ipc::ReturnSocket give_back() const {
    return {.cookie = peer_.cookie, .surplus = rest_, .address = peer_.address};
  }

  void on_bytes(const Slice& input, uint64_t now_ms) override;
  void on_eof(uint64_t now_ms) override;
  void on_lost(uint64_t now_ms) override;
  void on_written(size_t size, uint64_t now_ms) override;
  void on_time(uint64_t now_ms) override;
  [[nodiscard]] size_t output(std::span<Bytes> views) override;
  [[nodiscard]] bool wants_input() const override;
  [[nodiscard]] bool keeps_input() const override { return post_ && post_->keeps_input(); }
  [[nodiscard]] Ending ending() const override;

 private:
  enum class Phase : uint8_t {
    kHead,     ///< Between two POSTs, or in a head.
    kAsking,   ///< Behind a head; the broker is asked about its attempt, `question_`.
    kPost,     ///< In a POST that post_ has.
    kReadOut,  ///< In a body of no use, or small enough to be read; `pending_` is the reply.
    kLeaving,  ///< For the broker, with `rest_`.
    kClosing,  ///< The last reply goes out; input is thrown away.
  };

  // PostCarrier
  void on_post_changed() override { wake(); }
  void call_post_at(uint64_t at_ms) override { be_called_at(at_ms); }

  void read(Bytes input, uint64_t now_ms);
  /// False: this read has no more messages for us.
  [[nodiscard]] bool on_head(Bytes rest, uint64_t now_ms);
  [[nodiscard]] bool judge(const DataTarget& target, DirectPosts::Answer answer, Bytes rest,
                           uint64_t now_ms);
  void settle(DirectPosts::Answer answer, uint64_t now_ms);
  void begin(std::unique_ptr<PostStream> post, Bytes rest, uint64_t now_ms);
  void on_post_over(uint64_t now_ms);
  void on_message_end(uint64_t now_ms);
  void reply_early(const BadTarget& what, uint64_t now_ms);
  void set_deadline(uint64_t at_ms);
  void close();

  DirectPosts& posts_;
  const DirectPeer peer_;
  Phase phase_ = Phase::kHead;
  Ending ending_ = Ending::kOpen;
  http::Parser parser_{http::Parser::Kind::kRequest};
  std::vector<uint8_t> head_;  ///< The bytes of an incomplete head.
  std::optional<DataTarget> question_;
  std::vector<uint8_t> rest_;  ///< What came behind the head in question, or all for the broker.
  std::unique_ptr<PostStream> post_;
  BadTarget pending_ = {};
  std::string output_;
  uint64_t idle_since_ms_;
  /// Of the head, of the silence before it, of the broker's answer, or of the body.
  uint64_t deadline_ms_ = kNever;
  std::optional<Lingering> lingering_;
};

}  // namespace daphnis::worker
