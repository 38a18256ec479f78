#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_parser.h"
#include "tests/sim/edge/content.h"
#include "tests/sim/edge/stream.h"

namespace daphnis::sim {

/// One client connection: sends its requests and checks every byte of the answers. Owned by the
/// world.
class Client {
 public:
  /// How a client takes its answers in small steps with pauses, until it has paused so often.
  struct Crawl {
    uint64_t at_bytes = 0;    ///< Bytes of answers that it takes before its next pause.
    uint64_t step_bytes = 1;  ///< Bytes between two pauses, at least one.
    uint64_t pause_ms = 0;
    unsigned pauses = 0;
  };
  struct Plan {
    uint64_t begins_ms = 0;
    std::string address = "192.0.2.7";
    unsigned worker = 0;
    std::vector<const Wish*> wishes;  ///< One request for each, one after the other.
    bool is_http_1_0 = false;         ///< There is one request then.
    bool is_pipelined = false;        ///< All requests are sent at once.
    bool is_head = false;
    bool ends_its_side = false;                       ///< After its last request.
    bool is_slow = false;                             ///< Stops reading now and then.
    std::optional<Crawl> crawl = {};                  ///< Reads very slowly for a while.
    std::optional<uint64_t> leaves_after_bytes = {};  ///< Bytes of answers; nullopt: it stays.
    bool must_succeed = false;                        ///< Whatever the weather was before.
    bool must_hit = false;                            ///< The answer must come from the cache.
  };
  /// The edge as a client knows it. All members must be set.
  struct Edge {
    /// Connects to the client's worker; null where it is away.
    std::function<std::unique_ptr<Socket>()> dial;
    /// True where an L2 that is there holds all of that DAG.
    std::function<bool(size_t dag)> is_held;
    /// True while what the DAG holds must be served, whatever other L2s do.
    std::function<bool(size_t dag)> is_promised;
    /// True where the worker has cut one more reader, for its slowness, than clients have told of
    /// by this call.
    std::function<bool()> has_cut_slow_reader;
    /// True where the broker has refused to let fetches wait too long for a place.
    std::function<bool()> has_refused_a_wait;
  };

  Client(Scene& scene, std::string name, Plan plan, Edge edge);

  [[nodiscard]] bool is_done() const { return is_done_; }

 private:
  void begin();
  void send(size_t number);
  void on_bytes(Bytes bytes);
  void on_answer_head();
  void count_source(const http::Head& head);
  void on_answer_body(Bytes body);
  void on_answer_end();
  void on_closed(bool is_reset);
  void leave();
  void finish();
  /// Stops reading for a while, where the plan says so.
  void consider_pause();
  void pause(uint64_t pause_ms);
  /// Within this a request must end, however it ends.
  [[nodiscard]] uint64_t request_ms() const;
  void begin_patience();
  void begin_limit();
  void on_limit();
  void fail(std::string_view what);

  [[nodiscard]] const Wish& wish() const { return *plan_.wishes[answered_]; }
  [[nodiscard]] std::string request_id(size_t number) const;
  /// Nobody may keep a client waiting that takes what comes at once.
  [[nodiscard]] bool takes_at_once() const { return !plan_.is_slow && !plan_.crawl; }
  [[nodiscard]] bool must_get_all() const {
    return scene_.weather.is_calm || plan_.must_succeed || edge_.is_promised(wish().dag);
  }

  Scene& scene_;
  std::string name_;
  Plan plan_;
  Edge edge_;
  http::Parser parser_{http::Parser::Kind::kResponse};
  std::unique_ptr<Stream> stream_;
  Alarm alarm_;                ///< Begins the connection, and ends a pause in reading.
  Alarm patience_;             ///< Fires where nothing has happened for too long.
  Alarm limit_;                ///< Fires where a request takes too long, whatever happens.
  size_t sent_ = 0;            ///< Requests sent.
  size_t answered_ = 0;        ///< Whole answers received.
  size_t body_at_ = 0;         ///< Bytes received of the current answer's body.
  uint64_t bytes_ = 0;         ///< Bytes received of all answers.
  bool is_hurried_ = false;    ///< The limit is that of who takes at once what is promised.
  unsigned pauses_left_ = 60;  ///< Pauses that a slow client may still make, so that it ends.
  bool is_done_ = false;
};

}  // namespace daphnis::sim
