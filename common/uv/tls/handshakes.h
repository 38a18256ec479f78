#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/tls/session.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/pending/pending_sockets.h"

namespace daphnis::uv {

/// Does the TLS handshakes of the connections of listeners, so that nobody behind it sees one that
/// is not done. A handshake costs some 0.3 to 0.6 ms: at most kTlsHandshakeStepsPerTurn steps of
/// all of them are done in one turn of the loop, so that a crowd holds up nothing else. One that is
/// not done within kTlsHandshakeMs, or fails, is closed, counted, and logged once in
/// kTlsFailuresLogMs. At most kTlsHandshakesMax are under way; beyond, the oldest is closed. Owned
/// by the process's shell.
class Handshakes {
 public:
  struct Done {
    UniqueFd fd;
    std::unique_ptr<tls::Session> session;
    std::string address;  ///< As in add().
  };
  struct Counts {
    uint64_t full = 0;     ///< Done without a ticket.
    uint64_t resumed = 0;  ///< Done by a ticket.
    uint64_t failed = 0;
  };

  /// `peers` is for the log: whose handshakes these are.
  Handshakes(Loop& loop, Log& log, std::string_view peers, std::function<void(Done)> on_done);

  /// What sessions begin with from now on; those under way go on with what they began with. Must be
  /// called before add().
  void set_context(std::shared_ptr<const tls::Context> context) { context_ = std::move(context); }
  [[nodiscard]] bool has_context() const { return context_ != nullptr; }

  /// Takes a connection that was accepted, non-blocking, from a peer at `address`.
  void add(UniqueFd fd, std::string address);
  [[nodiscard]] Counts counts() const {
    return {.full = full_, .resumed = resumed_, .failed = pending_.refusals().count()};
  }
  /// The number of handshakes under way.
  [[nodiscard]] size_t size() const { return pending_.size(); }

 private:
  struct UnderWay {
    std::unique_ptr<tls::Session> session = nullptr;
    bool is_due = false;  ///< It is in due_.
  };
  using Pending = PendingSockets<UnderWay>;

  void on_ready(Pending::Place place);
  void ask_turn();
  void on_turn();
  void step(Pending::Place place);
  void finish(Pending::Place place);

  std::function<void(Done)> on_done_;
  std::shared_ptr<const tls::Context> context_;
  Pending pending_;
  std::deque<Pending::Place> due_;  ///< Those whose sockets are ready, in that sequence.
  AfterNextPoll turn_;              ///< Takes the next steps.
  bool is_turn_asked_ = false;
  uint64_t full_ = 0;     ///< As in Counts.
  uint64_t resumed_ = 0;  ///< As in Counts.
};

}  // namespace daphnis::uv
