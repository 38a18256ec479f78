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

/// Which protocol an L2 speaks: ours, or that of the nodes that are out there (for tests).
enum class Generation : uint8_t { kV2, kLegacy };

struct SessionSettings {
  std::string l2_id;
  uint32_t capacity = limits::kL2CapacityDefault;
  Generation generation = Generation::kV2;
};

// --- What a session asks of its shell ---

/// Connect to the L1 and GET `target`; report on_registration_head(), _bytes() and _lost().
struct OpenRegistration {
  std::string target;
};
/// Drop the registration's connection (if any still is); nothing is reported of it from now on.
struct CloseRegistration {};
/// POST `body` to `target`; report on_holdings_reply() once.
struct PostHoldings {
  std::string target;
  std::string body;
  std::string session_key = {};  ///< For Daphnis-Session; empty: the L1 gave none.
};
/// Drop the holdings' exchange; nothing is reported of it from now on.
struct DropHoldings {};
/// Answer an order; report on_upload_done() once.
struct StartUpload {
  Order order;
  /// The answer must have begun by then, on the session's clock; else nobody waits for it.
  std::optional<uint64_t> begin_by_ms;
};
struct WriteLog {
  LogLevel level;
  LogLine line;
};
using SessionCommand = std::variant<OpenRegistration, CloseRegistration, PostHoldings, DropHoldings,
                                    StartUpload, WriteLog>;

/// An L2's relation to one L1 (DESIGN 3.1): registers, takes orders, keeps at most `capacity`
/// uploads going, tells holdings, finds out that the L1 is dead, and comes back with back-off.
/// Sans-I/O: time in milliseconds of any monotonic clock comes in, commands come out. Uploads under
/// way outlive a lost registration, since a worker may hold their connections. Owned by the shell's
/// client of that L1, or by a simulation.
class L1Session {
 public:
  struct Stats {
    uint64_t registrations = 0;
    uint64_t losses = 0;  ///< Registrations that were accepted and then lost.
    uint64_t orders = 0;
    uint64_t junk_lines = 0;  ///< Unreadable, too long, or an id that is being answered already.
    uint64_t orders_dropped = 0;  ///< Beyond the queue's bound, or past their deadline in it.
  };

  L1Session(SessionSettings settings, Random random);

  void start(uint64_t now_ms);
  /// Leaves the L1: queued orders are dropped, uploads under way may end by themselves.
  void stop();

  /// The answer's Daphnis-Session, before on_registration_head().
  void on_session_key(std::string_view key) { session_key_ = key; }
  void on_registration_head(int status, std::optional<uint64_t> retry_after_ms, uint64_t now_ms);
  /// Bytes of the answer's body.
  void on_registration_bytes(Bytes bytes, uint64_t now_ms);
  /// The L1 answered something else than 200, and what it said of it.
  void on_registration_refused(const L1Refusal& refusal, uint64_t now_ms);
  /// Could not connect, or the connection ended.
  void on_registration_lost(std::string_view why, uint64_t now_ms);
  /// The L1 ended the registration; `reason` is what it said (Daphnis-Reason), empty: nothing.
  void on_registration_ended(std::string_view reason, uint64_t now_ms);
  /// The store has changed.
  void on_holdings(Holdings holdings, uint64_t now_ms);
  /// `status` is 0 where there was no answer.
  void on_holdings_reply(int status, std::optional<uint64_t> retry_after_ms, uint64_t now_ms) {
    on_holdings_reply(L1Refusal{.status = status, .retry_after_ms = retry_after_ms}, now_ms);
  }
  void on_holdings_reply(const L1Refusal& reply, uint64_t now_ms);
  void on_upload_done(const Uuid& request_id, uint64_t now_ms);
  void on_time(uint64_t now_ms);

  /// When on_time() is wanted; nullopt: not.
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
    const L1Refusal* refusal = nullptr;
  };
  void lose(const Loss& loss, uint64_t now_ms);
  [[nodiscard]] uint64_t delay_after(const Loss& loss);
  void on_line(std::string_view line, uint64_t now_ms);
  void start_queued(uint64_t now_ms);
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
  uint64_t until_ms_ = 0;  ///< What the state waits for at most: the next try, the head, a byte.
  uint64_t registered_at_ms_ = 0;
  /// Least wait after the next loss of the id to another node.
  uint64_t contest_wait_ms_ = limits::kIdContestFirstMs;
  std::string session_key_;  ///< Of this registration.

  std::set<Uuid> active_;
  std::deque<Queued> queued_;

  Telling telling_ = Telling::kIdle;
  Holdings current_;    ///< What we hold.
  Holdings announced_;  ///< What the L1 knows; null after each registration.
  Holdings being_announced_;
  HoldingsUpdate update_;
  uint64_t tell_again_at_ms_ = 0;

  Stats stats_;
  std::vector<SessionCommand> commands_;
};

/// Retry-After (RFC 9110 section 10.2.3) in seconds, as milliseconds; a date is not read.
[[nodiscard]] std::optional<uint64_t> parse_retry_after_ms(std::string_view text);

}  // namespace daphnis::l2
