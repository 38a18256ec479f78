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

/// One client connection: sends its requests and judges every byte of the answers. Owned by the
/// world.
class Client {
 public:
  struct Plan {
    uint64_t begins_ms = 0;
    unsigned worker = 0;
    std::vector<const Wish*> wishes;  ///< One request each, in this order.
    bool is_http_1_0 = false;         ///< Then there is one request.
    bool is_pipelined = false;        ///< All requests at once.
    bool is_head = false;
    bool ends_its_side = false;                       ///< Once it has asked for all it wants.
    bool is_slow = false;                             ///< Stops reading now and then.
    std::optional<uint64_t> leaves_after_bytes = {};  ///< Of answers.
    bool must_succeed = false;                        ///< Whatever the weather was before.
    bool must_hit = false;                            ///< The answer comes from the cache.
  };
  /// Connects to a worker; null where it is away.
  using Dial = std::function<std::unique_ptr<Socket>(unsigned worker)>;
  /// True where an L2 that is there holds all of that DAG.
  using IsHeld = std::function<bool(size_t dag)>;

  Client(Scene& scene, std::string name, Plan plan, Dial dial, IsHeld is_held);

  [[nodiscard]] bool is_done() const { return is_done_; }
  /// The worker was killed: what it had open was closed by no rule of ours.
  void on_worker_death(unsigned worker) { has_worker_died_ |= worker == plan_.worker; }

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
  void check_patience();
  void fail(std::string_view what);

  [[nodiscard]] const Wish& wish() const { return *plan_.wishes[answered_]; }
  [[nodiscard]] std::string request_id(size_t number) const;
  [[nodiscard]] bool must_get_all() const { return scene_.weather.is_calm || plan_.must_succeed; }

  Scene& scene_;
  std::string name_;
  Plan plan_;
  Dial dial_;
  IsHeld is_held_;
  http::Parser parser_{http::Parser::Kind::kResponse};
  std::unique_ptr<Stream> stream_;
  Alarm alarm_;                ///< Begins, goes on reading.
  Alarm patience_;             ///< Nothing has happened for too long.
  size_t sent_ = 0;            ///< Requests.
  size_t answered_ = 0;        ///< Whole answers.
  size_t body_at_ = 0;         ///< Bytes of the answer's body seen.
  uint64_t bytes_ = 0;         ///< Of all answers.
  unsigned pauses_left_ = 60;  ///< Of a slow client, which must be done some time.
  bool is_done_ = false;
  bool has_worker_died_ = false;
};

}  // namespace daphnis::sim
