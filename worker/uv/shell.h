#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/pending/proxy_greetings.h"
#include "common/uv/random_pool.h"
#include "common/uv/tls/handshakes.h"
#include "common/uv/tls/tls_files.h"
#include "worker/driver/driver.h"
#include "worker/uv/broker_link.h"
#include "worker/uv/cache_folder_reads.h"
#include "worker/uv/client_listener.h"
#include "worker/uv/data_listeners.h"
#include "worker/uv/deny_tables.h"
#include "worker/uv/spool_files.h"

namespace daphnis::worker::uv {

/// The settings of a worker process.
struct ShellSettings {
  std::string socket_path;
  daphnis::uv::Address listen;
  /// Where trusted proxies connect, with PROXY headers.
  std::optional<daphnis::uv::Address> proxy_listen = {};
  /// Where clients connect that speak TLS.
  std::optional<daphnis::uv::Address> tls_listen = {};
  /// The worker's own ports, for L2s that deliver directly.
  DataListeners::Addresses data_listen = {};
  /// For clients and L2s that speak TLS.
  daphnis::uv::TlsFiles tls = {};
  /// What the files held at the start; null where there are none.
  daphnis::uv::ServerContexts tls_contexts = {};
  uint32_t index = 0;
  uint32_t access_line_every = 1;  ///< One access line in so many is written; 0 writes none.
  /// The bytes of a cached file are checked by its checksums before they are sent.
  bool verifies_hits = false;
  Settings settings = {};
};

/// The worker process: the sans-I/O Driver with its broker link, its listening sockets, its files,
/// its clock, its signals and its log. Owned by main, runs for the process's life.
class Shell final : private DriverHost {
 public:
  Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, const ShellSettings& settings);

  /// Begins to accept clients, on the sockets that the broker keeps for this worker or else on one
  /// bound here. Where neither can be had the loop stops and exit_status() is not 0.
  void start();
  /// Finishes what is under way and stops the loop, after drain_ms at the latest.
  void drain() { driver_.drain(loop_.now_ms()); }
  /// Reads the certificates and the ticket keys anew, on SIGHUP.
  void reload();
  [[nodiscard]] int exit_status() const { return exit_status_; }
  [[nodiscard]] bool is_listening() const { return !listeners_.empty(); }

 private:
  // DriverHost
  void send(std::span<const ipc::WorkerToBroker> messages) override { link_.send(messages); }
  void send_at_once(std::span<const ipc::WorkerToBroker> messages) override {
    link_.send(messages);
    link_.flush();
  }
  void give_back(const ipc::ReturnSocket& message, std::unique_ptr<DrivenSocket> socket) override;
  void drop_broker(const std::string& why) override { link_.drop(why); }
  [[nodiscard]] std::optional<uint64_t> bind_listener(const std::string& address) override;
  void accept_on(const std::string& address, std::unique_ptr<DrivenSocket> socket) override;
  void offer_listener(const ipc::Listening& offer) override;
  void close_listener(uint64_t cookie) override;
  void accept_waiting() override;
  [[nodiscard]] bool awaits_clients() const override {
    return handshakes_.size() > 0 || greetings_.size() > 0;
  }
  void start_handshake(std::unique_ptr<DrivenSocket> socket, const std::string& address) override;
  void start(FileJob job) override { spool_files_.start(std::move(job)); }
  void set_timer(uint64_t at_ms) override;
  void log(LogLevel level, const LogLine& line) override { log_.write(level, line); }
  void log_access(const LogLine& line) override { log_.access(line); }
  void set_log_level(LogLevel level) override { log_.set_level(level); }
  void stop() override { loop_.stop(); }

  [[nodiscard]] BrokerLink::Events link_events();
  [[nodiscard]] std::unique_ptr<DrivenSocket> driven(daphnis::uv::UniqueFd fd);
  void on_client(std::unique_ptr<DrivenSocket> socket, std::string address);
  /// The addresses to listen on, as ipc::Listening names them.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// The socket cannot be had, and the process ends.
  void fail_start(const Error& error);
  /// Accepts clients on that socket from now on. `from` is for the log.
  void accept_on(const std::string& address, daphnis::uv::UniqueFd listener, std::string_view from);
  /// Takes a connection that was accepted at that address.
  void on_accepted(const std::string& address, daphnis::uv::UniqueFd fd);
  /// Has handshakes begin with these from now on.
  void use(daphnis::uv::ServerContexts contexts);
  /// Takes a connection of an L2 to one of the worker's own ports.
  void on_data_port(daphnis::uv::UniqueFd fd, bool is_tls);
  void on_tick();

  daphnis::uv::Loop& loop_;
  daphnis::uv::Log& log_;
  ShellSettings settings_;
  BufferPool pool_;  ///< Destroyed after all that holds slices of it.
  PooledReadBuffers buffers_{pool_};
  CacheFolderReads cache_reads_;
  MappedDenyTables deny_tables_;
  daphnis::uv::RandomPool random_;  ///< Destroyed after the Driver, whose core draws from it.
  Driver driver_;
  SpoolFiles spool_files_;
  /// The listening sockets, by SO_COOKIE.
  absl::flat_hash_map<uint64_t, std::unique_ptr<ClientListener>> listeners_;
  daphnis::uv::ProxyGreetings greetings_;
  daphnis::uv::Handshakes handshakes_;         ///< Of clients.
  daphnis::uv::Handshakes direct_handshakes_;  ///< Of L2s that deliver directly.
  DataListeners data_listeners_;
  daphnis::uv::Timer timer_;  ///< The timer of the Driver's next call.
  ProcessGauges gauges_;
  uint64_t descriptors_counted_ms_ = 0;
  daphnis::uv::Timer tick_;  ///< The timer of once a second.
  int exit_status_ = 0;
  daphnis::uv::Signal terminate_;
  daphnis::uv::Signal interrupt_;
  daphnis::uv::EachTurn each_turn_;
  BrokerLink link_;
};

}  // namespace daphnis::worker::uv
