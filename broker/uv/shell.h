#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/admin/stats_line.h"
#include "broker/broker.h"
#include "broker/uv/admin_server.h"
#include "broker/uv/denylist_files.h"
#include "broker/uv/folder/cache_folder.h"
#include "broker/uv/l2_auth_files.h"
#include "broker/uv/l2_sockets.h"
#include "broker/uv/line_file.h"
#include "broker/uv/worker_links.h"
#include "common/uv/log.h"
#include "common/uv/pending/proxy_greetings.h"
#include "common/uv/random_pool.h"
#include "common/uv/shared_memory.h"
#include "common/uv/tls/handshakes.h"
#include "common/uv/tls/hello_peeks.h"
#include "common/uv/tls/tls_files.h"

namespace daphnis::broker::uv {

/// Where the broker listens and writes.
struct ShellSettings {
  std::string socket;  ///< The workers' Unix socket.
  std::vector<std::string> l2_listen;
  std::vector<std::string> l2_proxy_listen = {};  ///< Where trusted proxies connect for L2s.
  CidrSet trusted_proxies = {};
  std::vector<std::string> l2_tls_listen = {};  ///< Where L2s connect that speak TLS.
  /// Below it L2s that speak TLS reach the workers by names of their own (DataAddresses); empty:
  /// not.
  std::string l2_data_name = {};
  daphnis::uv::TlsFiles tls = {};
  /// What the files held at the start; null where there is no l2_tls_listen.
  std::shared_ptr<const tls::Context> tls_context = {};
  std::string admin_listen;
  std::string stats_file;  ///< A path, "-" for stdout, or empty for none.
  /// The same for the line of each attempt.
  std::string attempts_file;
  L2AuthSettings auth = {};                   ///< Who may be an L2.
  DenylistSettings denylist = {};             ///< What may not be served.
  unsigned registration_timeout_ms = 15'000;  ///< TCP_USER_TIMEOUT of registrations.
};

/// The broker with its sockets: feeds the core and carries out its commands. Owned by main, on a
/// loop that must outlive it.
class Shell {
 public:
  Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, Settings settings,
        ShellSettings shell_settings);
  ~Shell();
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  /// Opens files, folders and listeners. Errors: kInvalid, kSystem.
  [[nodiscard]] Result<void> start();
  /// Ends registrations and waiting fetches, and stops the loop once all connections of L2s are
  /// closed. A second call stops the loop at once.
  void stop();
  void set_log_level(LogLevel level) { broker_.set_log_level(level); }
  /// Opens the files of statistics and attempts anew, on SIGHUP.
  void reopen();
  /// Reads anew, on SIGHUP, the files that say who may be an L2.
  void reload_auth();
  /// Reads anew, on SIGHUP, the certificates and the ticket keys.
  void reload_certificates();
  /// Reads anew, on SIGHUP, what may not be served.
  void reload_denylist();

  [[nodiscard]] const std::vector<uint16_t>& l2_ports() const { return l2_ports_; }
  [[nodiscard]] uint16_t admin_port() const { return admin_->port(); }
  [[nodiscard]] const Broker& broker() const { return broker_; }

 private:
  [[nodiscard]] Result<void> open_line_files();
  [[nodiscard]] Result<void> listen();
  [[nodiscard]] Result<void> listen_for_l2s();
  void on_l2(const L2Sockets::Added& added);
  /// Begins with a connection of an L2 that speaks TLS.
  void on_tls(daphnis::uv::UniqueFd fd, std::string address);
  /// Passes a connection on to the worker that it asks for, or serves it.
  void on_peeked(daphnis::uv::HelloPeeks::Peeked peeked);
  /// A message of a worker, with the socket that came beside it.
  struct FromWorker {
    WorkerId worker;
    ipc::WorkerToBroker message;
    daphnis::uv::UvPtr<uv_tcp_t> socket;
  };
  void on_worker_message(FromWorker message);
  void take(FromWorker message);
  /// Takes the first `count` of those that are held.
  void take_held(size_t count);
  void take_all_held();
  /// Ends each input: carries out the commands and sets the timer.
  void carry_out();
  void carry_out(Command& command);
  /// Opens the cache's folder and starts its scan, where there is one.
  [[nodiscard]] Result<void> open_folder();
  void share_filter();
  [[nodiscard]] Result<void> open_denylist();
  void on_denylist_read(Result<ReadDenylist> read);
  void take_denylist(ReadDenylist read);
  /// The source of the cache's entries for its snapshot.
  [[nodiscard]] CacheFolder::EntrySource entries() const;
  void write_snapshot();
  void arm_timer();
  void on_probe();
  void on_second();
  [[nodiscard]] ProcessGauges gauges();

  daphnis::uv::Loop& loop_;
  daphnis::uv::Log& log_;
  ShellSettings shell_settings_;
  daphnis::uv::RandomPool random_;  ///< Declared before the broker, which draws from it.
  Broker broker_;
  StatsWriter stats_writer_;
  L2Sockets l2s_;
  WorkerLinks workers_;
  /// Copies of the workers' listening sockets.
  absl::flat_hash_map<ListenerId, daphnis::uv::UniqueFd> listeners_;
  uint64_t last_listener_ = 0;
  /// Questions for single blocks, and what their workers sent behind them: as much as workers can
  /// send between two polls. What other workers had sent before comes first (ipc::Links).
  std::vector<FromWorker> held_;
  daphnis::uv::AfterNextPoll after_poll_;
  daphnis::uv::ProxyGreetings greetings_;
  daphnis::uv::HelloPeeks peeks_;
  daphnis::uv::Handshakes handshakes_;
  std::vector<std::unique_ptr<daphnis::uv::TcpListener>> l2_listeners_;
  std::vector<uint16_t> l2_ports_;
  std::unique_ptr<daphnis::uv::IpcListener> worker_listener_;
  std::unique_ptr<CacheFolder> folder_;  ///< Null: there is neither a cache nor a spool folder.
  std::unique_ptr<daphnis::uv::SharedMemory> filter_;
  DenylistReload denylist_reload_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<LineFile> stats_file_;
  std::unique_ptr<LineFile> attempts_file_;
  daphnis::uv::Timer timer_;
  daphnis::uv::Timer probe_;   ///< Measures how late timers fire.
  daphnis::uv::Timer second_;  ///< Calls on_second().
  daphnis::uv::Timer stop_;
  std::vector<Command> commands_;
  uint64_t armed_ms_ = 0;  ///< When timer_ fires; 0: it is not set.
  uint64_t started_ms_ = 0;
  uint64_t probe_due_ms_ = 0;
  uint64_t loop_lag_ms_ = 0;
  uint64_t descriptors_max_ = 0;
  uint64_t seconds_ = 0;
  bool is_stopping_ = false;
};

}  // namespace daphnis::broker::uv
