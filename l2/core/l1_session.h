#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/limits.h"
#include "common/base/logfmt.h"
#include "common/base/slice.h"
#include "l2/core/backoff.h"
#include "l2/core/holdings.h"
#include "l2/core/l1_refusal.h"
#include "l2/core/order.h"

namespace daphnis::l2 {

/// Which protocol an L2 speaks: ours, or (for tests) that of the nodes deployed today.
enum class Generation : uint8_t { kV2, kLegacy };

struct SessionSettings {
  std::string l2_id;
  uint32_t capacity = limits::kL2CapacityDefault;
  Generation generation = Generation::kV2;
  bool has_token = false;  ///< It shows a token, and keeps the successors that it is given.
};

// --- Commands of a session to its shell ---

/// Connect to the L1 and GET `target`; report on_registration_head(), _bytes() and _lost().
struct OpenRegistration {
  std::string target;
};
/// Drop the registration's connection, if there is one; report nothing of it from now on.
struct CloseRegistration {};
/// POST `body` to `target`; report on_holdings_reply() once.
struct PostHoldings {
  std::string target;
  std::string body;
  std::string session_key = {};  ///< For Daphnis-Session; empty: the L1 gave none.
};
/// Drop the connection that posts holdings; report nothing of it from now on.
struct DropHoldings {};
/// Deliver what an order asks for; report on_upload_done() once.
struct StartUpload {
  Order order;
  /// The delivery must have begun by then, on the session's clock; later the L1 does not wait for
  /// it.
  std::optional<uint64_t> begin_by_ms;
};
/// Nobody waits for an upload under way: it ends, and says so to the L1 if its POST has not begun.
struct CancelUpload {
  Uuid request_id;
};
/// Tell the L1 that an order is not delivered, since nobody waits for it; report on_upload_done()
/// once.
struct AcknowledgeCancel {
  Order order;
};
/// Keep this token in place of the one that was shown; it is good for the L2's id.
struct KeepToken {
  std::string token;
};
struct WriteLog {
  LogLevel level;
  LogLine line;
};
using SessionCommand =
    std::variant<OpenRegistration, CloseRegistration, PostHoldings, DropHoldings, StartUpload,
                 CancelUpload, AcknowledgeCancel, KeepToken, WriteLog>;

/// Cancels that are being acknowledged at once; for those beyond, the L1 has a time limit.
inline constexpr size_t kAcknowledgementsMax = 256;

/// An L2's session with one L1 (DESIGN 3.1): registers, takes orders and cancels, runs at most
/// `capacity` uploads at once, announces holdings, detects a dead L1, and registers again with
/// back-off. Sans-I/O: time in milliseconds of any monotonic clock comes in, commands come out.
/// Uploads under way outlive a lost registration, since a worker may hold their connections. Owned
/// by the shell's client of that L1, or by a simulation.
class L1Session {
 public:
  struct Stats {
    uint64_t registrations = 0;
    uint64_t losses = 0;  ///< Registrations that were accepted and then lost.
    uint64_t orders = 0;
    uint64_t junk_lines = 0;      ///< Unreadable, too long, or with the id of an upload under way.
    uint64_t orders_dropped = 0;  ///< The queue was full, or their deadline passed in it.
    uint64_t cancels = 0;         ///< Of orders that were queued or being delivered.
    uint64_t notices = 0;         ///< What the L1 told of this L2's standing.
  };

  L1Session(SessionSettings settings, Random random);

  void start(uint64_t now_ms);
  /// Leaves the L1: queued orders are dropped, uploads under way may end by themselves.
  void stop();

  /// The reply's Daphnis-Session field, before on_registration_head().
  void on_session_key(std::string_view key) { session_key_ = key; }
  void on_registration_head(int status, std::optional<uint64_t> retry_after_ms, uint64_t now_ms);
  /// Bytes of the reply's body.
  void on_registration_bytes(Bytes bytes, uint64_t now_ms);
  /// The L1 replied with another status than 200.
  void on_registration_refused(const L1Refusal& refusal, uint64_t now_ms);
  /// The connection could not be made, or it ended. `advice`: what the owner can do about it.
  void on_registration_lost(std::string_view why, uint64_t now_ms, std::string_view advice = {});
  /// The L1 ended the registration; `reason` is its Daphnis-Reason, empty where it sent none.
  void on_registration_ended(std::string_view reason, uint64_t now_ms);
  /// The store has changed.
  /// `is_complete`: it holds nothing that is not below these roots.
  void on_holdings(Holdings holdings, uint64_t now_ms, bool is_complete = false);
  /// `status` is 0 where there was no reply.
  void on_holdings_reply(int status, std::optional<uint64_t> retry_after_ms, uint64_t now_ms) {
    on_holdings_reply(L1Refusal{.status = status, .retry_after_ms = retry_after_ms}, now_ms);
  }
  void on_holdings_reply(const L1Refusal& reply, uint64_t now_ms);
  void on_upload_done(const Uuid& request_id, uint64_t now_ms);
  void on_time(uint64_t now_ms);

  /// When on_time() must be called; nullopt: it need not be called.
  [[nodiscard]] std::optional<uint64_t> wakes_at_ms() const;
  [[nodiscard]] std::vector<SessionCommand> take_commands() { return std::exchange(commands_, {}); }

  [[nodiscard]] bool is_registered() const { return state_ == State::kRegistered; }
  [[nodiscard]] size_t uploads() const { return active_.size(); }
  [[nodiscard]] Stats stats() const;

 private:
  enum class State : uint8_t { kStopped, kWaiting, kOpening, kRegistered };
  enum class Telling : uint8_t { kIdle, kPosting, kWaiting, kRefused };
  struct Queued {
    Order order;
    std::optional<uint64_t> begin_by_ms;
  };

  void open(uint64_t now_ms);
  void wait(uint64_t delay_ms, uint64_t now_ms);
  struct Loss {
    std::string_view why;
    std::string_view advice = {};
    std::optional<uint64_t> retry_after_ms = {};
    bool is_id_contested = false;
    bool is_token_bad = false;
    const L1Refusal* refusal = nullptr;
  };
  void lose(const Loss& loss, uint64_t now_ms);
  [[nodiscard]] uint64_t delay_after(const Loss& loss);
  void on_line(std::string_view line, uint64_t now_ms);
  void start_queued(uint64_t now_ms);
  void on_cancel(const Uuid& request_id);
  void on_notice(const Notice& notice);
  void on_token(std::string token);
  void acknowledge(Order order);
  void tell();
  void post_holdings();
  void log(LogLevel level, LogLine line) {
    commands_.emplace_back(WriteLog{level, std::move(line)});
  }

  SessionSettings settings_;
  Backoff backoff_;
  Backoff holdings_backoff_;
  OrderReader reader_;
  LineSplitter lines_;

  State state_ = State::kStopped;
  uint64_t until_ms_ = 0;  ///< When the next try begins, or the wait for a head or a byte ends.
  uint64_t registered_at_ms_ = 0;
  /// The least wait after the next loss of the id to another node.
  uint64_t contest_wait_ms_ = limits::kIdContestFirstMs;
  std::string session_key_;  ///< This registration's Daphnis-Session.

  std::set<Uuid> active_;
  std::set<Uuid> acknowledging_;
  std::deque<Queued> queued_;

  Telling telling_ = Telling::kIdle;
  Holdings current_;    ///< The roots that this L2 holds.
  Holdings announced_;  ///< The roots that the L1 knows of; null after each registration.
  Holdings being_announced_;
  // Whether the roots are all that it holds: so it is, as the L1 knows, and as it is being told.
  bool is_complete_ = false;
  bool is_known_complete_ = false;
  bool is_being_told_complete_ = false;
  HoldingsUpdate update_;
  uint64_t tell_again_at_ms_ = 0;

  Stats stats_;
  std::vector<SessionCommand> commands_;
};

/// Retry-After (RFC 9110 section 10.2.3) in seconds, as milliseconds; a date is not read.
[[nodiscard]] std::optional<uint64_t> parse_retry_after_ms(std::string_view text);

}  // namespace daphnis::l2
