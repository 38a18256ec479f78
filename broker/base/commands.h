#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/attempt_record.h"
#include "broker/base/cache_folder.h"
#include "broker/base/ids.h"
#include "common/base/logfmt.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// Commands are what the shell (or a simulation) carries out for the core, in their order.

/// Writes to an L2's connection.
struct WriteL2 {
  ConnId conn;
  std::string bytes;
};
/// The connection is a registration from now on: small send buffer, TCP_USER_TIMEOUT.
struct TuneRegistration {
  ConnId conn;
};
/// Ends our side once everything is written; the peer's side is still read.
struct ShutdownL2 {
  ConnId conn;
};
/// Closes the connection now. The core has forgotten the connection.
struct CloseL2 {
  ConnId conn;
};
/// Gives the connection's socket to a worker, attached to this message. The core has forgotten the
/// connection.
struct HandOff {
  ConnId conn;
  WorkerId worker;
  ipc::Handoff message;
};
struct SendWorker {
  WorkerId worker;
  ipc::BrokerToWorker message;
};
/// Ends a worker's connection once everything is written. The core has forgotten the worker.
struct CloseWorker {
  WorkerId worker;
};
/// Sends a worker this message and a copy of a listening socket, which the shell keeps.
struct GiveListener {
  ListenerId listener;
  WorkerId worker;
  ipc::ListenerGiven message;
};
/// Closes the listening socket that the shell keeps.
struct CloseListener {
  ListenerId listener;
};
/// Gives the cache folder a task.
struct GiveTask {
  FolderTask task;
};
/// Writes an attempt that has ended to the file of attempts.
struct WriteAttempt {
  std::unique_ptr<AttemptRecord> record;
};
struct WriteLog {
  LogLevel level;
  LogLine line;
};

using Command =
    std::variant<WriteL2, TuneRegistration, ShutdownL2, CloseL2, HandOff, SendWorker, CloseWorker,
                 GiveListener, CloseListener, GiveTask, WriteAttempt, WriteLog>;

/// Collects commands during one input. Owned by the broker; emptied by the shell after each input.
class Outbox {
 public:
  void push(Command command) { commands_.push_back(std::move(command)); }
  [[nodiscard]] bool is_empty() const { return commands_.empty(); }
  /// Moves all commands into `out`. The old content of `out` is dropped, and its memory is used for
  /// the next commands.
  void drain(std::vector<Command>& out) {
    out.clear();
    std::swap(out, commands_);
  }

  void set_log_level(LogLevel level) { log_level_ = level; }
  [[nodiscard]] LogLevel log_level() const { return log_level_; }
  /// True where a line of this level is written. Callers ask this before they build a line below
  /// warn, which costs more than the question.
  [[nodiscard]] bool logs(LogLevel level) const { return level >= log_level_; }
  void log(LogLevel level, LogLine line) {
    if (logs(level)) push(WriteLog{level, std::move(line)});
  }

 private:
  std::vector<Command> commands_;
  LogLevel log_level_ = LogLevel::kInfo;
};

}  // namespace daphnis::broker
