#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/uv/shell.h"
#include "common/http/http_parser.h"
#include "common/ipld/cid.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "worker/uv/shell.h"

namespace daphnis::test {

/// A folder for a Unix socket, removed at the end.
struct TempFolder {
  TempFolder();
  ~TempFolder();
  std::string path;
};

/// The shells of a broker and of a worker, as the two programs have them, on one loop. The loop's
/// destructor proves that all their handles were closed.
class Edge {
 public:
  explicit Edge(const worker::Settings& settings = {});
  ~Edge();

  /// Runs the loop until `holds` is true; fails the test after ten seconds.
  void until(const std::function<bool()>& holds);
  /// Runs one turn, which waits for nothing.
  void turn() { loop_.run_once(UV_RUN_NOWAIT); }
  void start_worker();
  /// Makes one more worker, which the test owns and destroys before the Edge.
  [[nodiscard]] std::unique_ptr<worker::uv::Shell> add_worker(uint32_t index);
  void start_broker();
  /// Each of these ends one process as a kill would; the kernel's part is done by the destructor.
  void kill_broker() { broker_.reset(); }
  void kill_worker() { worker_.reset(); }

  [[nodiscard]] const broker::Broker& broker() const { return broker_->broker(); }
  [[nodiscard]] const broker::Counters& counters() const { return broker().counters(); }
  [[nodiscard]] uint16_t l2_port() const { return broker_->l2_ports().front(); }
  [[nodiscard]] uint16_t client_port() const { return client_port_; }

 private:
  TempFolder folder_;
  uv::UniqueFd null_;
  uv::Loop loop_;
  uv::Log log_;
  std::unique_ptr<broker::uv::Shell> broker_;
  std::unique_ptr<worker::uv::Shell> worker_;
  worker::Settings settings_;
  uv::UniqueFd held_port_;  ///< Keeps the port from all but the workers.
  uint16_t client_port_ = 0;
};

/// A plain TCP client on loopback that the loop has not accepted yet. Each text is sent by one
/// write.
class Waiting {
 public:
  explicit Waiting(uint16_t port);

  void send(std::string_view bytes);
  /// Reads what has come; never waits.
  void read();
  void close() { fd_.reset(); }
  /// Closes with a reset.
  void reset();
  /// Ends this side of the connection only.
  void end();

  std::string received;
  bool has_ended = false;  ///< The other side has closed or reset the connection.

 private:
  uv::UniqueFd fd_;
};

/// A client that the loop has had a turn to accept.
class Peer : public Waiting {
 public:
  Peer(Edge& edge, uint16_t port) : Waiting(port) { edge.turn(); }
};

/// Counts whole HTTP responses at the front of `received`.
struct Responses {
  std::vector<int> statuses;
  std::string body;  ///< The body of the last response.
  bool is_last_kept_alive = false;
};
[[nodiscard]] Responses responses_in(std::string_view received);

/// One raw block, its CAR, and the requests and deliveries for it.
struct Sample {
  explicit Sample(size_t size, char fill);

  [[nodiscard]] std::string request() const;
  /// A "POST /data/…" with the CAR as its body.
  [[nodiscard]] std::string post(const std::string& request_id) const;

  Cid root;
  std::string car;
};

/// An L2 that is driven by hand: its registration, and the attempt ids of the orders that came.
class Home {
 public:
  explicit Home(Edge& edge, const std::string& id = "home");

  /// The attempt id of the `number`th order, from 0, once it has come.
  std::string order(size_t number);

 private:
  [[nodiscard]] std::vector<std::string> orders() const;

  Edge& edge_;
  Peer registration_;
};

}  // namespace daphnis::test
