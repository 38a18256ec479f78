#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/base/logfmt.h"
#include "common/ipc/ipc_messages.h"
#include "worker/base/file_jobs.h"
#include "worker/driver/driven_socket.h"

namespace daphnis::worker {

/// What only the process can do for its Driver: a libuv shell, the simulation or a test. Outlives
/// the Driver's use of it; the Driver's destructor calls nothing here.
class DriverHost {
 public:
  // --- The broker ---
  /// Sends messages to the broker. Nothing is sent while there is no connection.
  virtual void send(std::span<const ipc::WorkerToBroker> messages) = 0;
  /// Does the same, and gives the messages to the kernel before it returns.
  virtual void send_at_once(std::span<const ipc::WorkerToBroker> messages) = 0;
  /// Sends a socket back to the broker; without a connection it is closed.
  virtual void give_back(const ipc::ReturnSocket& message,
                         std::unique_ptr<DrivenSocket> socket) = 0;
  /// Ends the connection to the broker, which ends in Driver::on_broker_closed(), and goes on to
  /// the next.
  virtual void drop_broker(const std::string& why) = 0;

  // --- Sockets on which clients are accepted, told apart by their cookies ---
  /// Binds a socket at an address (ipc::Listening) and accepts clients on it. Returns its cookie;
  /// nothing where it cannot be had, and then the process ends.
  [[nodiscard]] virtual std::optional<uint64_t> bind_listener(const std::string& address) = 0;
  /// Accepts clients on a socket that the broker gave, unless this is done already.
  virtual void accept_on(const std::string& address, std::unique_ptr<DrivenSocket> socket) = 0;
  /// Sends a copy of the socket that the offer names to the broker, if there is such a socket.
  virtual void offer_listener(const ipc::Listening& offer) = 0;
  /// Accepts the clients that wait in that socket, if there is such a socket, and closes it.
  virtual void close_listener(uint64_t cookie) = 0;
  /// Accepts the clients that wait in all of these sockets.
  virtual void accept_waiting() = 0;
  /// True while connections that were accepted are no clients yet: they are in a handshake, or are
  /// to say for whom they come.
  [[nodiscard]] virtual bool awaits_clients() const = 0;

  // --- Direct deliveries ---
  /// Does the TLS handshake of a connection of an L2 at `address`. It ends in Driver::on_direct(),
  /// or closes the socket where it fails.
  virtual void start_handshake(std::unique_ptr<DrivenSocket> socket,
                               const std::string& address) = 0;

  // --- Files, time and the log ---
  /// Does a job outside the event loop; it ends in Driver::on_file_job_done().
  virtual void start(FileJob job) = 0;
  /// Asks for one call of Driver::on_time() at `at_ms`, in place of the one asked for before;
  /// kNever asks for none. A time that has passed counts as now.
  virtual void set_timer(uint64_t at_ms) = 0;
  virtual void log(LogLevel level, const LogLine& line) = 0;
  /// Writes an access line, whatever the level.
  virtual void log_access(const LogLine& line) = 0;
  virtual void set_log_level(LogLevel level) = 0;

  /// Ends the process. May be called more than once.
  virtual void stop() = 0;

 protected:
  ~DriverHost() = default;
};

}  // namespace daphnis::worker
