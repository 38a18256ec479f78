#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/cache_folder.h"
#include "broker/base/ids.h"
#include "common/base/logfmt.h"

namespace daphnis::broker {

/// What the shell (or a simulation) carries out, in order.

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
/// Closes the connection now. The broker has forgotten it.
struct CloseL2 {
  ConnId conn;
};
/// Gives the connection's socket to a worker, attached to this frame. The broker has forgotten it.
struct HandOff {
  ConnId conn;
  WorkerId worker;
  std::vector<uint8_t> frame;
};
struct SendWorker {
  WorkerId worker;
  std::vector<uint8_t> frame;
};
/// Ends a worker's connection once everything is written. The broker has forgotten it.
struct CloseWorker {
  WorkerId worker;
};
/// Sends a worker this frame and a copy of the listening socket that is kept.
struct GiveListener {
  ListenerId listener;
  WorkerId worker;
  std::vector<uint8_t> frame;
};
/// Closes the copy that is kept.
struct CloseListener {
  ListenerId listener;
};
struct GiveTask {
  FolderTask task;
};
struct WriteLog {
  LogLevel level;
  LogLine line;
};

using Command = std::variant<WriteL2, TuneRegistration, ShutdownL2, CloseL2, HandOff, SendWorker,
                             CloseWorker, GiveListener, CloseListener, GiveTask, WriteLog>;

/// Collects commands during one input. Owned by the broker; emptied by the shell after each input.
class Outbox {
 public:
  void push(Command command) { commands_.push_back(std::move(command)); }
  [[nodiscard]] bool is_empty() const { return commands_.empty(); }
  /// Moves everything into `out`, whose old content goes and whose memory is used again.
  void drain(std::vector<Command>& out) {
    out.clear();
    std::swap(out, commands_);
  }

  void set_log_level(LogLevel level) { log_level_ = level; }
  [[nodiscard]] LogLevel log_level() const { return log_level_; }
  /// Ask before building a line below warn.
  [[nodiscard]] bool logs(LogLevel level) const { return level >= log_level_; }
  void log(LogLevel level, LogLine line) {
    if (logs(level)) push(WriteLog{level, std::move(line)});
  }

 private:
  std::vector<Command> commands_;
  LogLevel log_level_ = LogLevel::kInfo;
};

}  // namespace daphnis::broker
