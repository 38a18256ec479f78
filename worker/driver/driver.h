#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/driver/driver_host.h"
#include "worker/driver/socket_driver.h"
#include "worker/worker.h"

namespace daphnis::worker {

/// The settings of a worker process that its Driver needs.
struct DriverSettings {
  Settings worker = {};
  uint32_t index = 0;
  uint32_t pid = 0;
  uint32_t access_line_every = 1;  ///< One access line in so many is written; 0 writes none.
};

/// What the system says of the process, for the statistics.
struct ProcessGauges {
  uint32_t descriptors = 0;
  uint64_t rss_bytes = 0;
  uint64_t log_lines_dropped = 0;
  uint64_t proxies_refused = 0;     ///< Connections that were to bring a PROXY header.
  uint64_t handshakes_full = 0;     ///< TLS handshakes that were done without a ticket.
  uint64_t handshakes_resumed = 0;  ///< Those done by a ticket.
  uint64_t handshakes_failed = 0;
};

/// Drives one Worker with its sockets: takes the inputs of a process, and after each of them does
/// what the core has made of it by its host's calls. Owned by the host. An input may destroy the
/// SocketDriver that it came from. Times are milliseconds of any monotonic clock.
class Driver final : private SocketOwner {
 public:
  /// `host` and `buffers` must outlive this object.
  Driver(const DriverSettings& settings, DriverHost& host, ReadBuffers& buffers,
         Worker::Random random);
  /// Closes all sockets, oldest first; the peers see what a crash would show them.
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Begins to accept clients at these addresses (ipc::Listening), on the sockets that the broker
  /// keeps for this worker or else on those that the host binds. Without this call no clients are
  /// accepted.
  void start(const std::vector<std::string>& addresses, uint64_t now_ms);

  // --- Sockets ---
  /// Takes a client that has connected. Where no place is left for it, its socket is closed.
  void on_client(std::unique_ptr<DrivenSocket> socket, std::string address, uint64_t now_ms);

  /// Takes an L2's connection for direct deliveries, once its handshake is done. Where no place is
  /// left for it, its socket is closed.
  void on_direct(std::unique_ptr<DrivenSocket> socket, DirectPeer peer, uint64_t now_ms);

  // --- The broker ---
  void on_broker_connected(uint64_t now_ms);
  /// Takes a message and the socket that came with it, if one did. False where the connection must
  /// be dropped; core().broker_problem() says why.
  [[nodiscard]] bool on_broker_message(const ipc::BrokerToWorker& message,
                                       std::unique_ptr<DrivenSocket> socket, uint64_t now_ms);
  /// Called once for each on_broker_connected(). `why` is for the log.
  void on_broker_closed(const std::string& why, uint64_t now_ms);

  // --- Files ---
  void on_file_job_done(FileJobDone done, uint64_t now_ms);
  void on_cache_look(CacheQueryId id, CacheLook look, uint64_t now_ms);
  void on_cache_read(CacheQueryId id, CacheRead read, uint64_t now_ms);

  // --- Time ---
  /// The time of DriverHost::set_timer() has come. The call may be early or late.
  void on_time(uint64_t now_ms);
  /// Looks at what has no event of its own, and sends the statistics. To be called about once a
  /// second; `unix_s` is the wall clock.
  void on_tick(int64_t unix_s, const ProcessGauges& gauges, uint64_t now_ms);

  // --- The end ---
  /// Finishes what is under way and stops, after Settings::drain_ms at the latest. A second call
  /// does nothing.
  void drain(uint64_t now_ms);
  /// The process is told to end: the first time it drains, the second time it stops at once.
  void on_end_asked(uint64_t now_ms);

  /// Carries out what the last input has led to. All inputs above end with it; to be called only
  /// after an input to core() itself.
  void after_input(uint64_t now_ms);

  [[nodiscard]] Worker& core() { return core_; }
  [[nodiscard]] const Worker& core() const { return core_; }
  /// The number of sockets that are driven.
  [[nodiscard]] size_t sockets() const { return sockets_.size(); }

 private:
  void on_used(SocketDriver& used, uint64_t now_ms) override;

  void add_socket(std::unique_ptr<DrivenSocket> socket, Connection& connection, uint64_t now_ms);
  void sync(SocketDriver& socket, uint64_t now_ms);
  void sync_woken(uint64_t now_ms);
  void update_listeners();
  void log_access_lines();
  void set_timer();
  void leave(uint64_t now_ms);
  void stop_if_done();
  [[nodiscard]] std::vector<SocketDriver*> oldest_first() const;

  DriverSettings settings_;
  DriverHost& host_;
  ReadBuffers& buffers_;
  uint64_t access_lines_ = 0;
  Worker core_;
  absl::flat_hash_map<ConnectionId, std::unique_ptr<SocketDriver>> sockets_;
  uint64_t timer_ms_ = kNever;  ///< The time that the host was asked for.
  uint64_t leave_ms_ = kNever;  ///< The end of draining.
  bool is_leaving_ = false;
};

}  // namespace daphnis::worker
