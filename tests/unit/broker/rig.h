#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "broker/broker.h"
#include "tests/unit/broker/cid_number.h"

namespace daphnis::broker {

/// A broker with pretended connections: L2s are byte strings in both directions, workers are
/// messages. Owned by a test case.
class Rig {
 public:
  explicit Rig(Settings settings = {}, uint64_t seed = 1)
      : random_(seed), broker(std::move(settings), [this] { return random_bytes(); }) {}

  struct Conn {
    std::string out;       ///< Everything the broker wrote.
    bool is_shut = false;  ///< The broker ended its side.
    bool is_closed = false;
    bool is_tuned = false;
    bool reads = true;        ///< The peer takes what the broker writes.
    size_t unsent_bytes = 0;  ///< Written bytes that the peer has not taken.
    std::optional<WorkerId> handed_to;
    uint64_t cookie = 0;
  };
  struct FakeWorker {
    std::vector<ipc::BrokerToWorker> inbox;  ///< All messages so far.
    bool is_pinged = false;
    bool is_closed = false;
  };

  // --- L2s ---
  bool over_tls = false;     ///< Connections speak TLS from now on.
  std::string certified_id;  ///< The common name of the certificates that they show from now on.
  ConnId connect(const std::string& address = "192.0.2.1") {
    const ConnId id{++last_conn_};
    conns[id].cookie = 1000 + last_conn_;
    broker.on_l2_connected(id,
                           {.address = address,
                            .cookie = conns[id].cookie,
                            .over_tls = over_tls,
                            .certified_id = certified_id},
                           now_ms);
    carry_out();
    return id;
  }
  void send(ConnId id, std::string_view bytes) {
    broker.on_l2_bytes(id, as_bytes(bytes), now_ms);
    carry_out();
  }
  void hang_up(ConnId id, std::string_view why = "") {
    broker.on_l2_closed(id, why, now_ms);
    carry_out();
  }
  ConnId register_l2(const std::string& id, const std::string& query = "",
                     const std::string& address = "192.0.2.1") {
    const ConnId conn = connect(address);
    send(conn, "GET /register/" + id + query + " HTTP/1.1\r\nHost: l1\r\n\r\n");
    return conn;
  }
  /// The peer takes `bytes` of the unsent bytes.
  void take(ConnId id, size_t bytes) {
    conns[id].unsent_bytes -= std::min(bytes, conns[id].unsent_bytes);
    broker.on_l2_unsent(id, conns[id].unsent_bytes, now_ms);
    carry_out();
  }
  /// The order lines on a registration, without line ends.
  std::vector<std::string> orders(ConnId id) const {
    std::vector<std::string> found;
    const std::string& out = conns.at(id).out;
    for (size_t at = out.find("{\"req"); at != std::string::npos; at = out.find("{\"req", at + 1)) {
      found.push_back(out.substr(at, out.find('\n', at) - at));
    }
    return found;
  }
  static std::string field(const std::string& order, const std::string& key) {
    const std::string mark = "\"" + key + "\":\"";
    const size_t at = order.find(mark);
    if (at == std::string::npos) return {};
    return order.substr(at + mark.size(), order.find('"', at + mark.size()) - at - mark.size());
  }
  /// The id of the last order on a registration.
  std::string last_id(ConnId id) const {
    const auto all = orders(id);
    REQUIRE_FALSE(all.empty());
    return field(all.back(), "requestId");
  }
  /// Sends a POST for the last order on a registration, on a new connection.
  ConnId post(ConnId registration, const Cid& cid, const std::string& more_head = "",
              const std::string& body = "4\r\nbody\r\n") {
    const ConnId conn = connect();
    send(conn, "POST /data/" + cid.text() + "?requestId=" + last_id(registration) +
                   " HTTP/1.1\r\nHost: l1\r\nTransfer-Encoding: chunked\r\n" + more_head + "\r\n" +
                   body);
    return conn;
  }
  ConnId post_not_found(ConnId registration, const Cid& cid, const std::string& says = "root") {
    const ConnId conn = connect();
    send(conn, "POST /data/" + cid.text() + "?requestId=" + last_id(registration) +
                   " HTTP/1.1\r\nHost: l1\r\nContent-Length: 0\r\nDaphnis-Not-Found: " + says +
                   "\r\n\r\n");
    return conn;
  }
  /// Sends a POST of holdings and returns the reply; `session` is the key to show, if any.
  std::string announce(const std::string& id, const Cid& cid,
                       const std::string& address = "192.0.2.1", const std::string& verb = "add",
                       const std::string& session = "") {
    const std::string body = "{\"" + verb + "\":[\"" + cid.text() + "\"]}\n";
    const ConnId conn = connect(address);
    send(conn, "POST /holdings/" + id + " HTTP/1.1\r\nHost: l1\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n" +
                   (session.empty() ? "" : "Daphnis-Session: " + session + "\r\n") + "\r\n" + body);
    return conns[conn].out;
  }
  /// The session key in the response to a registration.
  std::string session_of(ConnId registration) const {
    const std::string mark = "Daphnis-Session: ";
    const std::string& out = conns.at(registration).out;
    const size_t at = out.find(mark);
    REQUIRE(at != std::string::npos);
    return out.substr(at + mark.size(), out.find("\r\n", at) - at - mark.size());
  }
  /// Sends a POST without an id.
  ConnId post_bare(const Cid& cid, const std::string& more_head = "Content-Length: 3\r\n",
                   const std::string& body = "abc", const std::string& address = "192.0.2.1") {
    const ConnId conn = connect(address);
    send(conn,
         "POST /data/" + cid.text() + " HTTP/1.1\r\nHost: l1\r\n" + more_head + "\r\n" + body);
    return conn;
  }
  /// The status of the last reply; 0: none came yet.
  int status(ConnId id) const {
    const std::string& out = conns.at(id).out;
    int last = 0;
    for (size_t at = out.find("HTTP/1.1 "); at != std::string::npos;
         at = out.find("HTTP/1.1 ", at + 1)) {
      if (std::isdigit(static_cast<unsigned char>(out[at + 9])))
        last = std::stoi(out.substr(at + 9));
    }
    return last;
  }

  // --- Workers ---
  WorkerId connect_worker() { return connect_worker(static_cast<uint32_t>(last_worker_ + 1)); }
  WorkerId connect_worker(uint32_t index) {
    const WorkerId id = open_worker();
    tell(id, ipc::Hello{.index = index, .pid = 77});
    return id;
  }
  /// A worker that has not said Hello yet.
  WorkerId open_worker() {
    const WorkerId id{++last_worker_};
    workers[id];
    broker.on_worker_connected(id, now_ms);
    return id;
  }
  /// A worker offers the listening socket with this cookie.
  void offer_listener(WorkerId id, const ipc::Listening& message, uint64_t cookie) {
    const ArrivedListener arrived{.id = ListenerId{++last_listener_}, .cookie = cookie};
    kept_listeners.emplace(arrived.id, cookie);
    broker.on_worker_listener(id, message, arrived, now_ms);
    carry_out();
  }
  void tell(WorkerId id, const ipc::WorkerToBroker& message,
            const std::optional<Broker::Arrived>& socket = {}) {
    if (socket) conns[socket->conn].cookie = socket->peer.cookie;
    broker.on_worker_message(id, message, socket, now_ms);
    carry_out();
  }
  /// The worker sends bytes that are no message.
  void tell_nonsense(WorkerId id) {
    broker.on_worker_malformed(id, now_ms);
    carry_out();
  }
  void fetch(WorkerId worker, uint64_t fetch_id, const Cid& root, uint32_t deadline_ms = 30'000) {
    tell(worker, ipc::Fetch{.fetch_id = fetch_id,
                            .request = {.root = root},
                            .key = key_of(CarRequest{.root = root}),
                            .trace_id = "trace-" + std::to_string(fetch_id),
                            .deadline_ms = deadline_ms});
  }
  void end_attempt(WorkerId worker, const ipc::Handoff& handoff, Outcome outcome,
                   bool wants_another = false) {
    tell(worker, ipc::AttemptEnded{.fetch_id = handoff.fetch_id,
                                   .attempt_id = handoff.attempt_id,
                                   .outcome = outcome,
                                   .wants_another = wants_another});
  }
  void kill_worker(WorkerId id) {
    workers[id].is_closed = true;
    broker.on_worker_closed(id, "killed", now_ms);
    carry_out();
  }
  ConnId fresh_conn() { return ConnId{++last_conn_}; }
  template <class Message>
  std::vector<Message> inbox(WorkerId id) const {
    std::vector<Message> found;
    for (const auto& message : workers.at(id).inbox) {
      if (const auto* one = std::get_if<Message>(&message)) found.push_back(*one);
    }
    return found;
  }
  /// Why a fetch failed; nullopt while it has not.
  std::optional<Outcome> failure(WorkerId id, uint64_t fetch_id) const {
    for (const auto& failed : inbox<ipc::FetchFailed>(id)) {
      if (failed.fetch_id == fetch_id) return failed.reason;
    }
    return std::nullopt;
  }

  // --- Time ---
  /// Lets time pass; each deadline on the way is met in its turn, and workers reply to pings.
  void advance(uint64_t ms) {
    const uint64_t end = now_ms + ms;
    while (true) {
      const auto due = broker.next_deadline();
      if (!due || *due > end) break;
      now_ms = std::max(now_ms, *due);
      broker.on_timer(now_ms);
      carry_out();
      send_pongs();
    }
    now_ms = end;
  }

  void carry_out() {
    while (broker.has_commands()) {
      broker.take_commands(commands_);
      for (auto& command : std::exchange(commands_, {})) {
        std::visit([this](auto& one) { carry_out(one); }, command);
      }
    }
  }

 private:
  void send_pongs() {
    for (auto& [id, worker] : workers) {
      if (std::exchange(worker.is_pinged, false) && !worker.is_closed && workers_pong &&
          !mute_workers.contains(id)) {
        tell(id, ipc::Pong{});
      }
    }
  }
  void carry_out(WriteL2& c) {
    Conn& conn = conns[c.conn];
    REQUIRE_FALSE(conn.is_closed);
    conn.out += c.bytes;
    if (!conn.reads) conn.unsent_bytes += c.bytes.size();
    broker.on_l2_unsent(c.conn, conn.unsent_bytes, now_ms);
  }
  void carry_out(TuneRegistration& c) { conns[c.conn].is_tuned = true; }
  void carry_out(ShutdownL2& c) { conns[c.conn].is_shut = true; }
  void carry_out(CloseL2& c) { conns[c.conn].is_closed = true; }
  void carry_out(HandOff& c) {
    REQUIRE_FALSE(conns[c.conn].is_closed);
    conns[c.conn].is_closed = true;
    conns[c.conn].handed_to = c.worker;
    deliver(c.worker, std::move(c.message));
  }
  void carry_out(SendWorker& c) { deliver(c.worker, std::move(c.message)); }
  void carry_out(CloseWorker& c) { workers[c.worker].is_closed = true; }
  void carry_out(GiveListener& c) {
    REQUIRE(kept_listeners.contains(c.listener));
    deliver(c.worker, c.message);
  }
  void carry_out(CloseListener& c) { REQUIRE(kept_listeners.erase(c.listener) == 1); }
  void carry_out(GiveTask& c) { folder_tasks.push_back(std::move(c.task)); }
  void carry_out(WriteAttempt& c) { attempts.push_back(std::move(*c.record)); }
  void carry_out(WriteLog& c) {
    log.push_back("level=" + std::string(name(c.level)) + " " + c.line.text());
  }

  void deliver(WorkerId id, ipc::BrokerToWorker message) {
    FakeWorker& worker = workers[id];
    REQUIRE_FALSE(worker.is_closed);
    worker.is_pinged |= std::holds_alternative<ipc::Ping>(message);
    worker.inbox.push_back(std::move(message));
  }
  Uuid random_bytes() {
    Uuid out;
    for (auto& byte : out) byte = static_cast<uint8_t>(random_());
    return out;
  }

  std::mt19937_64 random_;
  std::vector<Command> commands_;
  uint64_t last_conn_ = 0;
  uint64_t last_worker_ = 0;
  uint64_t last_listener_ = 0;

 public:
  Broker broker;
  uint64_t now_ms = 1'000;
  std::map<ConnId, Conn> conns;
  std::map<WorkerId, FakeWorker> workers;
  std::vector<std::string> log;
  std::vector<AttemptRecord> attempts;  ///< Those that a shell would have written down.
  std::vector<FolderTask> folder_tasks;
  std::map<ListenerId, uint64_t> kept_listeners;  ///< Cookies of those that a shell would keep.
  bool workers_pong = true;                       ///< Workers reply to pings.
  std::set<WorkerId> mute_workers;                ///< Workers that do not.
};

}  // namespace daphnis::broker
