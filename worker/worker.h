#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/logfmt.h"
#include "common/ipc/ipc_messages.h"
#include "worker/answer/answerer.h"
#include "worker/answer/content_answer.h"
#include "worker/base/agenda.h"
#include "worker/base/settings.h"
#include "worker/broker/broker_session.h"
#include "worker/broker/denylist_feed.h"
#include "worker/broker/listeners.h"
#include "worker/cache/cache.h"
#include "worker/client/client_session.h"
#include "worker/fetch/fetch.h"
#include "worker/fetch/fetch_table.h"
#include "worker/fetch/spool_book.h"
#include "worker/l2/direct_attempts.h"
#include "worker/l2/direct_connection.h"
#include "worker/l2/handed_off_post.h"

namespace daphnis::worker {

/// Ports of a worker's own, where L2s deliver to it; 0: none.
struct DataPorts {
  uint16_t plain = 0;
  uint16_t tls = 0;

  [[nodiscard]] bool is_any() const { return plain != 0 || tls != 0; }
  [[nodiscard]] bool operator==(const DataPorts&) const = default;
};

/// The whole worker without its sockets: clients and L2 streams come in as Connections that the
/// Driver feeds and drains, the broker as messages. After each input the Driver takes what the
/// worker has made of it: woken connections, messages, file jobs, log lines, and the time of the
/// next call. Owned by the Driver.
class Worker final : private RequestSink, private DirectPosts {
 public:
  /// Fills a span with random bytes from a cryptographic source.
  using Random = std::function<void(std::span<uint8_t>)>;

  Worker(const Settings& settings, uint32_t index, uint32_t pid, Random random);
  ~Worker();

  /// Sets what reads the cache; without it there is no cache. To be called before a broker is
  /// connected; `reads` must outlive all but the destructor.
  void set_cache_reads(CacheReads& reads) { cache_.set_reads(&reads); }
  /// Sets what maps the lists of what may not be served, of which the broker tells. To be called
  /// before a broker is connected; `tables` must outlive this object.
  void set_deny_tables(DenyTables& tables) { denials_.set_tables(tables); }
  /// Sets what says for how many microseconds the process has been busy since it started. Without
  /// it the process is taken for one that never is.
  void set_busy_time(std::function<uint64_t()> busy_us) {
    answerer_.set_busy_time(std::move(busy_us));
  }
  /// Takes the result of a look-up that took time.
  void on_cache_look(CacheQueryId id, CacheLook look, uint64_t now_ms) {
    cache_.on_look(id, std::move(look), now_ms);
  }
  /// Takes the result of a read that took time.
  void on_cache_read(CacheQueryId id, CacheRead read, uint64_t now_ms) {
    cache_.on_read(id, std::move(read), now_ms);
  }

  // --- Connections ---
  /// Takes a client that has connected. Null where no place is left and no client can be closed for
  /// it: the Driver closes the new one.
  [[nodiscard]] Connection* on_client(std::string address, uint64_t now_ms);
  /// Takes an L2's connection for direct deliveries, whose handshake is done. Null as above, or
  /// since the worker leaves.
  [[nodiscard]] Connection* on_direct(DirectPeer peer, uint64_t now_ms);
  /// The worker's own ports that are open for direct deliveries from now on.
  void set_data_ports(DataPorts ports);
  /// Attempts are out whose L2s may deliver to this worker itself.
  [[nodiscard]] bool awaits_direct() const { return direct_attempts_.out() > 0; }
  /// Puts the connection at the end of the list of woken ones.
  void touch(Connection& connection) { agenda_.wake(connection); }
  /// The connection's socket is closed or given back; the object dies.
  void forget(Connection& connection, uint64_t now_ms);

  // --- The broker ---
  void on_broker_connected(uint64_t now_ms) { broker_.on_connected(now_ms); }
  /// Takes a message. `has_socket` says, for a Handoff or a ListenerGiven, that the announced
  /// descriptor came with it. A new stream to drive is put in `stream`. False where
  /// the connection must be dropped; broker_problem() says why.
  [[nodiscard]] bool on_broker_message(const ipc::BrokerToWorker& message, bool has_socket,
                                       uint64_t now_ms, Connection** stream);
  void on_broker_closed(uint64_t now_ms);
  [[nodiscard]] const std::string& broker_problem() const { return broker_.why(); }
  [[nodiscard]] bool has_broker() const { return broker_.is_up(); }
  /// The message that goes to the broker with a socket whose connection ends in kGiveBack. Empty
  /// where the socket must be closed instead.
  [[nodiscard]] std::optional<ipc::ReturnSocket> give_back(const Connection& connection) const;

  /// The sockets on which clients are accepted.
  [[nodiscard]] Listeners& listeners() { return listeners_; }

  // --- Time ---
  /// Makes the calls that are due. False where the broker has fallen silent and its connection must
  /// be dropped.
  [[nodiscard]] bool on_time(uint64_t now_ms);
  [[nodiscard]] uint64_t next_call_ms() const;
  /// Sets the wall clock, for Date and Age fields. To be called about once a second.
  void on_wall_clock(int64_t unix_seconds);

  /// Lets what is under way finish; each client gets one more answer. A second call does nothing.
  void drain(uint64_t now_ms);
  /// The process ends now: clients that still wait are told so, and answers under way are cut.
  void leave(uint64_t now_ms);
  [[nodiscard]] bool is_draining() const { return session_context_.is_draining; }
  /// True where nothing is under way and nothing is on its way into the cache.
  [[nodiscard]] bool is_empty() const {
    return clients_.empty() && streams_.empty() && direct_.empty() && spools_.is_empty();
  }

  // --- Files ---
  /// The file jobs that the shell is to do outside the event loop; each ends in on_file_job_done().
  [[nodiscard]] std::vector<FileJob> take_file_jobs() { return spools_.take_jobs(); }
  void on_file_job_done(FileJobDone done, uint64_t now_ms);

  // --- What has come of it ---
  /// Destroys what the input has ended. To be called after each input and the connections that it
  /// has woken, before the messages are taken.
  void end_input() { session_context_.retired.clear(); }
  [[nodiscard]] std::vector<Connection*> take_woken() { return agenda_.take_woken(); }
  /// The messages that the broker is to have before any client is written to.
  [[nodiscard]] std::vector<ipc::WorkerToBroker> take_first_messages() {
    return broker_.take_first_messages();
  }
  [[nodiscard]] std::vector<ipc::WorkerToBroker> take_messages() {
    spools_.remove_finished();
    return broker_.take_messages();
  }
  [[nodiscard]] std::vector<LogLine> take_access_lines() {
    return std::exchange(access_lines_, {});
  }
  /// A warning for the operator, returned once.
  [[nodiscard]] std::optional<LogLine> take_warning();
  /// The log level that a Broadcast asked for, returned once.
  [[nodiscard]] std::optional<LogLevel> take_log_level() {
    return std::exchange(log_level_, std::nullopt);
  }
  /// Counters and gauges. The Driver adds what only the system knows, and sends them.
  [[nodiscard]] ipc::WorkerStats stats() const;
  void send(ipc::WorkerToBroker message) { broker_.send(std::move(message)); }

 private:
  // RequestSink
  void on_request(Exchange& exchange, uint64_t now_ms) override;
  void on_refused(Exchange& exchange, const http::Refusal& refusal, uint64_t now_ms) override;
  void on_refused(Exchange& exchange, Outcome outcome, uint64_t now_ms) override;
  void on_exchange_over(Exchange& exchange, Outcome end, uint64_t now_ms) override;

  [[nodiscard]] Connection* find_connection(ConnectionId id);
  [[nodiscard]] bool shed_one(uint64_t now_ms);
  void name_request(Exchange& exchange);
  void on_fetch_time(Fetch& fetch, uint64_t now_ms);
  void fail_fetch(Fetch& fetch, Outcome why, uint64_t now_ms);

  void on_broker_up(uint64_t now_ms);
  /// Puts that list in force. False where it cannot be had: the broker must be left.
  [[nodiscard]] bool take_denylist(const ipc::DenylistPlace& place, uint64_t now_ms);
  void judge_fetches(uint64_t now_ms);
  [[nodiscard]] Connection* on_handoff(const ipc::Handoff& handoff, bool has_socket,
                                       uint64_t now_ms);
  /// A fetch that wants the stream of an attempt that was announced with this number; else null.
  [[nodiscard]] Fetch* find_taker(uint64_t fetch_id) const;

  // Direct deliveries (worker_direct.cc)
  [[nodiscard]] Verdict on_post(PostCarrier& carrier, const DataTarget& target,
                                const DirectPeer& peer, Answer answer, uint64_t now_ms) override;
  [[nodiscard]] Verdict send_elsewhere(const DirectPeer& peer);
  void tell_direct_ways();
  void on_attempt_answer(const ipc::AttemptAnswer& answer, uint64_t now_ms);
  [[nodiscard]] bool keeps_connections() const override { return !is_draining(); }
  [[nodiscard]] std::unique_ptr<PostStream> take_directly(PostCarrier& carrier,
                                                          const ipc::AttemptOut& attempt,
                                                          uint64_t now_ms);
  [[nodiscard]] BadTarget refuse_directly(const Uuid& id, bool acknowledges_cancel,
                                          uint64_t now_ms);
  [[nodiscard]] bool make_place_for_direct();
  void on_attempt_over(const ipc::AttemptOver& over, uint64_t now_ms);
  void close_idle_direct();
  /// The stream of that attempt; null where none is read.
  [[nodiscard]] PostStream* find_post(const Uuid& attempt_id) const;

  void on_fetch_failed(const ipc::FetchFailed& refusal, uint64_t now_ms);
  void on_place_wanted(const ipc::PlaceWanted& wanted, uint64_t now_ms);
  void end_attempt(const Uuid& id, uint64_t now_ms);
  void on_broadcast(const ipc::Broadcast& broadcast, uint64_t now_ms);
  void on_spool_moved(FetchId fetch, uint64_t now_ms);
  void on_spool_stored(const ipc::SpoolStored& stored, uint64_t now_ms);
  void on_warm(const ipc::Warm& warm, uint64_t now_ms);
  void on_spool_wanted(const ipc::SpoolWanted& wanted, uint64_t now_ms);
  void on_join_progress(const ipc::JoinProgress& progress, uint64_t now_ms);
  void open_join(Fetch& fetch, const ipc::JoinProgress& progress, uint64_t now_ms);
  void on_join_opened(Fetch& fetch, FileJobDone done, uint64_t now_ms);
  void read_along(Fetch& fetch, uint64_t now_ms);
  void look_for_join(Fetch& fetch, ipc::JoinState state, uint64_t now_ms);
  void on_join_looked(FetchId id, const Cache::Found& found, uint64_t now_ms);

  /// A cached file of another content, of which a block is wanted.
  struct BlockHolder {
    FetchId fetch;
    RequestKey key;
    CachedFile file = {};
  };
  void look_for_block(Fetch& fetch, const RequestKey& file, uint64_t now_ms);
  void note_look(FetchId id, CacheWaiterId look);
  void on_block_file(BlockHolder holder, const Cache::Found& found, uint64_t now_ms);
  void on_block_index(const BlockHolder& holder, CacheRead read, uint64_t now_ms);
  void on_block(const BlockHolder& holder, CacheRead read, uint64_t now_ms);
  void on_block_unread(const BlockHolder& holder, CacheRead& read, uint64_t now_ms);
  void lose_block(Fetch& fetch, ipc::BlockFile why, uint64_t now_ms);

  void lose_join(Fetch& fetch, uint64_t now_ms);
  void lead(Fetch& fetch, uint64_t now_ms);
  void seek_place(Fetch& fetch, uint64_t now_ms);
  void forget_joins(uint64_t now_ms);

  void count(const Exchange& exchange, Outcome end);

  Settings settings_;
  Random random_;
  Numbers numbers_;
  Agenda agenda_;  ///< Destroyed after the connections, which take themselves off it.
  AnswerScene scene_;
  ClientBounds bounds_{settings_};  ///< Destroyed after the clients, which have shares.
  SessionContext session_context_;
  BrokerSession broker_;
  DenylistFeed denials_{broker_};  ///< Destroyed after all that walks.
  Listeners listeners_;
  Cache cache_{broker_};
  SpoolBook spools_;  ///< Destroyed after the fetches, which point into it.
  FetchContext fetch_context_;
  // Clients are destroyed first, since their answers read from fetches.
  absl::flat_hash_map<ConnectionId, std::unique_ptr<HandedOffPost>> streams_;
  absl::flat_hash_map<ConnectionId, std::unique_ptr<DirectConnection>> direct_;
  DirectAttempts direct_attempts_;
  DataPorts data_ports_;
  FetchTable fetches_{fetch_context_, numbers_, settings_};
  PoolRate pool_rate_;
  Proof::Context proof_context_{settings_, fetches_, pool_rate_};
  Answerer answerer_{settings_, scene_, cache_, fetches_, denials_};
  absl::flat_hash_map<ConnectionId, std::unique_ptr<ClientSession>> clients_;
  std::vector<LogLine> access_lines_;
  std::optional<LogLevel> log_level_;
  ipc::WorkerStats stats_;
};

}  // namespace daphnis::worker
