#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/random_pool.h"
#include "worker/uv/broker_link.h"
#include "worker/uv/cache_folder_reads.h"
#include "worker/uv/client_listener.h"
#include "worker/uv/read_buffers.h"
#include "worker/uv/socket.h"
#include "worker/uv/spool_files.h"
#include "worker/worker.h"

namespace daphnis::worker::uv {

/// The settings of a worker process.
struct ShellSettings {
  std::string socket_path;
  daphnis::uv::Address listen;
  uint32_t index = 0;
  uint32_t access_line_every = 1;  ///< One access line in so many is written; 0 writes none.
  /// The bytes of a cached file are checked by its checksums before they are sent.
  bool verifies_hits = false;
  Settings settings = {};
};

/// The worker process: the sans-I/O Worker with its sockets, its broker link, its clock and its
/// log. Owned by main, runs for the process's life.
class Shell {
 public:
  Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, const ShellSettings& settings);
  ~Shell();

  /// Begins to accept clients, on the sockets that the broker keeps for this worker or else on one
  /// bound here. Where neither can be had the loop stops and exit_status() is not 0.
  void start();
  /// Finishes what is under way and stops the loop, after drain_ms at the latest.
  void drain();
  [[nodiscard]] int exit_status() const { return exit_status_; }
  [[nodiscard]] bool is_listening() const { return !listeners_.empty(); }

 private:
  void on_client(daphnis::uv::UniqueFd fd);
  /// Accepts clients on that socket from now on. `from` is for the log.
  void accept_on(daphnis::uv::UniqueFd listener, std::string_view from);
  void bind_listener();
  void update_listeners();
  bool on_broker_message(const ipc::BrokerToWorker& message, daphnis::uv::UniqueFd socket);
  void on_broker_closed(const std::string& why);
  void add_socket(daphnis::uv::UniqueFd fd, Connection& connection);
  void on_used(Socket& socket);

  /// Carries out what the last input has led to. Called at the end of every event.
  void after_input();
  void sync(Socket& socket);
  void arm_timer();
  void on_timer();
  void on_tick();
  void on_signal();
  void leave();
  void leave_if_done();

  daphnis::uv::Loop& loop_;
  daphnis::uv::Log& log_;
  ShellSettings settings_;
  uint64_t access_lines_ = 0;
  BufferPool pool_;  ///< Destroyed after all that holds slices of it.
  ReadBuffers buffers_{pool_};
  CacheFolderReads cache_reads_;
  daphnis::uv::RandomPool random_;  ///< Destroyed after the Worker, which draws from it.
  Worker worker_;
  SpoolFiles spool_files_;
  absl::flat_hash_map<ConnectionId, std::unique_ptr<Socket>> sockets_;
  /// The listening sockets, by SO_COOKIE.
  absl::flat_hash_map<uint64_t, std::unique_ptr<ClientListener>> listeners_;
  daphnis::uv::Timer timer_;  ///< The timer of the Worker's next call.
  uint64_t timer_ms_ = kNever;
  uint32_t descriptors_ = 0;
  uint64_t descriptors_counted_ms_ = 0;
  daphnis::uv::Timer tick_;   ///< The timer of once a second.
  daphnis::uv::Timer leave_;  ///< The timer of the end of draining.
  bool is_leaving_ = false;
  int exit_status_ = 0;
  daphnis::uv::Signal terminate_;
  daphnis::uv::Signal interrupt_;
  daphnis::uv::EachTurn flush_log_;
  BrokerLink link_;
};

}  // namespace daphnis::worker::uv
