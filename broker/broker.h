#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/context.h"
#include "broker/cache/warmer.h"
#include "broker/dispatch/dispatcher.h"
#include "broker/l2_http/l2_server.h"
#include "broker/registry/registrations.h"
#include "broker/workers/workers.h"

namespace daphnis::broker {

/// The whole broker without its sockets: inputs are on_*(…, now_ms), outputs are commands that the
/// shell carries out in order after each input. All calls come from one thread. `now_ms` is a
/// monotonic clock in milliseconds and never 0. Owned by the shell or by a simulation, which may
/// run any number of brokers.
///
/// The caller gives out ConnIds and WorkerIds and never uses one twice. After CloseL2, HandOff or
/// CloseWorker the broker ignores inputs for that number.
class Broker {
 public:
  Broker(Settings settings, RandomSource random);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Sets what says for how long the process has been busy. To be called before any input; without
  /// it the broker is never too busy for a fetch.
  void set_busy_time(BusyTime busy_us) { context_.busy_us = std::move(busy_us); }

  /// From now on workers that take direct deliveries have names below `data_name`, for the TLS port
  /// of L2s (DataAddresses).
  void set_data_name(std::string data_name, uint16_t port) {
    context_.data_addresses.set_name(std::move(data_name), port);
  }

  // --- L2 connections ---
  /// `address` is the peer's, without port; `cookie` the socket's SO_COOKIE.
  void on_l2_connected(ConnId conn, const L2Peer& peer, uint64_t now_ms);
  void on_l2_bytes(ConnId conn, Bytes bytes, uint64_t now_ms);
  /// `unsent_bytes` of what was written are not yet in the kernel. The shell calls this after each
  /// WriteL2, and whenever the kernel takes some bytes later.
  void on_l2_unsent(ConnId conn, size_t unsent_bytes, uint64_t now_ms);
  /// The peer ended its side (`why` is empty) or the connection failed.
  void on_l2_closed(ConnId conn, std::string_view why, uint64_t now_ms);

  // --- Workers ---
  void on_worker_connected(WorkerId worker, uint64_t now_ms);
  /// A socket that came with a worker's message, under the ConnId that it will have.
  struct Arrived {
    ConnId conn;
    L2Peer peer;
  };
  /// One message, with the socket that came beside it. A socket that does not belong to the message
  /// is closed (CloseL2).
  void on_worker_message(WorkerId worker, ipc::WorkerToBroker message,
                         const std::optional<Arrived>& socket, uint64_t now_ms);
  /// One message that brought a listening socket; CloseListener follows where it is of no use.
  void on_worker_listener(WorkerId worker, ipc::WorkerToBroker message,
                          const ArrivedListener& listener, uint64_t now_ms);
  /// The worker sent bytes that are no message: it is disconnected.
  void on_worker_malformed(WorkerId worker, uint64_t now_ms);
  void on_worker_closed(WorkerId worker, std::string_view why, uint64_t now_ms);

  // --- The cache's folder ---
  void on_folder(const FolderEvent& event, uint64_t now_ms);

  // --- Time ---
  /// Must be called at the start and once a second. `wall_s` is in seconds since the epoch and may
  /// jump; only the dates of cached files depend on it.
  void on_second(uint32_t wall_s, uint64_t now_ms);
  /// The latest time for the next on_timer(); nullopt: no deadline is set.
  [[nodiscard]] std::optional<uint64_t> next_deadline() const { return context_.timers.next(); }
  void on_timer(uint64_t now_ms);

  // --- The operator ---
  /// Says who may be an L2 from now on, and ends the registrations of those that may not.
  void set_auth(L2Auth auth, uint64_t now_ms);
  [[nodiscard]] const L2Auth& auth() const { return context_.auth; }
  /// Says what may not be served from now on. The list before is kept until all workers have taken
  /// this one.
  void set_denylist(DenylistInForce list, uint64_t now_ms);
  [[nodiscard]] const Denials& denials() const { return context_.denials; }
  void set_log_level(LogLevel level);
  [[nodiscard]] LogLevel log_level() const { return context_.out.log_level(); }
  /// Sets the level here and at all workers.
  void broadcast_log_level(LogLevel level);
  /// Null: no L2 of this id is registered.
  [[nodiscard]] L2* find_l2(std::string_view id) { return registrations_.registry().find(id); }
  /// Has the L2 asked after all others for so long, and tells it.
  void eject_l2(L2& l2, uint64_t for_ms, uint64_t now_ms);
  /// Ends whatever ejection or probation the L2 has, and forgets what it lied about.
  void readmit_l2(L2& l2, uint64_t now_ms);
  void set_weight(L2& l2, double weight) { registrations_.set_weight(l2, weight); }
  [[nodiscard]] Cache& cache() { return cache_; }
  [[nodiscard]] Warmer& warmer() { return warmer_; }
  /// Ends all registrations and every fetch that no worker streams yet. Streams that were handed
  /// off go on at their workers.
  void drain(uint64_t now_ms);

  // --- Outputs ---
  [[nodiscard]] bool has_commands() const { return !context_.out.is_empty(); }
  void take_commands(std::vector<Command>& out) { context_.out.drain(out); }

  // --- To look at ---
  [[nodiscard]] const DataAddresses& data_addresses() const { return context_.data_addresses; }
  [[nodiscard]] const Registrations& registrations() const { return registrations_; }
  [[nodiscard]] const Dispatcher& dispatcher() const { return dispatcher_; }
  [[nodiscard]] const Workers& workers() const { return workers_; }
  [[nodiscard]] const Cache& cache() const { return cache_; }
  [[nodiscard]] const Joins& joins() const { return joins_; }
  [[nodiscard]] const L2Server& l2_server() const { return l2_server_; }
  [[nodiscard]] const Counters& counters() const { return context_.counters; }
  [[nodiscard]] Counters& counters() { return context_.counters; }
  [[nodiscard]] const Settings& settings() const { return context_.settings; }
  /// The wall clock at this moment, in seconds since the epoch.
  [[nodiscard]] uint32_t wall_s(uint64_t now_ms) const { return context_.wall_s(now_ms); }
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  /// True where no fetch and no attempt is under way.
  [[nodiscard]] bool is_quiet() const;

 private:
  /// Ends each input: drops the L2s that were given up, finds other L2s for fetches that lost
  /// theirs, and moves followers on whose leader has ended.
  void after_input(uint64_t now_ms);
  void tell_sweep();

  Context context_;
  Registrations registrations_;
  Cache cache_;
  Dispatcher dispatcher_;
  Joins joins_;
  Workers workers_;
  Warmer warmer_;
  L2Server l2_server_;
  bool is_draining_ = false;
  bool was_swept_ = false;  ///< The workers were told that the cache has been looked through.
  /// Lists that workers may still have to map.
  std::vector<std::shared_ptr<const DenyTable>> past_denylists_;
};

}  // namespace daphnis::broker
