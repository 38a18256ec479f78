#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/tls/session.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"
#include "common/uv/tls/tls_files.h"

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

  /// What sessions begin with from now on. Must be called before add().
  void set_context(std::shared_ptr<const tls::Context> context) { context_ = std::move(context); }
  [[nodiscard]] bool has_context() const { return context_ != nullptr; }
  /// Reads the files of that context anew, on SIGHUP, and says in the log how that went. Sessions
  /// go on with what they began with; where a file is not good, so do new ones. Without a context
  /// nothing is done.
  void reload(const TlsFiles& files);

  /// Takes a connection that was accepted, non-blocking, from a peer at `address`.
  void add(UniqueFd fd, std::string address);
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// The number of handshakes under way.
  [[nodiscard]] size_t size() const { return under_way_.size(); }

 private:
  struct UnderWay {
    std::string address;
    uint64_t deadline_ms = 0;
    std::unique_ptr<tls::Session> session;
    std::optional<Poll> poll = {};
    bool is_due = false;  ///< It is in due_.
  };
  using Place = std::list<UnderWay>::iterator;

  void on_ready(Place place);
  void ask_turn();
  void on_turn();
  void step(Place place);
  void finish(Place place);
  void fail(Place place, std::string_view why);
  void on_deadline();
  void arm();

  Loop& loop_;
  Log& log_;
  const std::string peers_;
  std::function<void(Done)> on_done_;
  std::shared_ptr<const tls::Context> context_;
  std::list<UnderWay> under_way_;  ///< Oldest first, so that the first deadline is in front.
  std::deque<Place> due_;          ///< Those whose sockets are ready, in that sequence.
  AfterNextPoll turn_;             ///< Takes the next steps.
  bool is_turn_asked_ = false;
  Timer deadline_;
  Counts counts_;
  uint64_t next_log_ms_ = 0;
};

}  // namespace daphnis::uv
