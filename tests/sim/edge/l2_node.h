#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/http/http_parser.h"
#include "l2/core/l1_session.h"
#include "tests/sim/edge/scene.h"
#include "tests/sim/edge/stream.h"
#include "tests/sim/edge/upload.h"

namespace daphnis::sim {

/// One life of a home node: the L2's session core, its registration, holdings and deliveries. Owned
/// by the world; its destruction is its sudden death.
class L2Node {
 public:
  struct Traits {
    l2::SessionSettings settings;
    std::string address;
    std::set<size_t> dags;  ///< Indices in Content::dags.
    /// It is honest, its link has no faults, and it lives as long as the world has faults.
    bool is_steady = false;
    bool skips = true;             ///< It reads an order's `skip` and `next`.
    bool has_hole = false;         ///< One block is missing.
    bool has_faulty_link = false;  ///< Connections have the faults of the weather.
  };
  /// Connects to the broker; null where there is none.
  using Dial = std::function<std::unique_ptr<Socket>(const std::string& address)>;

  L2Node(Scene& scene, const Traits& traits, Dial dial);
  ~L2Node();

  /// Stops the process (SIGSTOP): its connections stay open, and it reads and writes nothing.
  void freeze();
  /// Closes idle connections that are kept for further uploads.
  void close_idle();
  [[nodiscard]] bool is_registered() const { return session_.is_registered(); }
  void check_quiet();

 private:
  /// A connection with a parser for the replies.
  struct Exchange {
    std::unique_ptr<Stream> stream;
    http::Parser parser{http::Parser::Kind::kResponse};
  };

  /// An order whose delivery has not begun.
  struct Held {
    l2::Order order;
    uint64_t until_ms = 0;
    bool delivers = false;  ///< Else the order ends then.
  };

  void after_input();
  void run(l2::OpenRegistration& command);
  void run(l2::CloseRegistration& command);
  void run(l2::PostHoldings& command);
  void run(l2::DropHoldings& command);
  void run(l2::StartUpload& command);
  void run(l2::CancelUpload& command);
  void run(l2::AcknowledgeCancel& command);
  void run(l2::KeepToken&) {}  // The simulated edge asks for no token.
  void run(l2::WriteLog& command);

  void on_registration_bytes(Bytes bytes);
  void lose_registration(const std::string& why);
  void on_holdings_bytes(Bytes bytes);
  void end_holdings(int status);
  [[nodiscard]] Mood choose_mood();
  void deliver(const l2::Order& order, Mood mood);
  void on_held_due();
  void send(Upload upload);
  void on_upload_done(const Uuid& id, int status);
  void on_link_over(UploadLink& link);

  Scene& scene_;
  Traits traits_;
  Dial dial_;
  BlockStore store_;
  l2::L1Session session_;
  Alarm clock_;
  Alarm sweep_;     ///< Destroys links that are over, outside their own events.
  Alarm held_due_;  ///< For the orders in held_.
  std::unique_ptr<Exchange> registration_;
  std::unique_ptr<Exchange> holdings_;
  std::list<std::unique_ptr<UploadLink>> links_;
  std::list<std::unique_ptr<UploadLink>> over_;
  std::map<Uuid, Held> held_;
  std::set<Uuid> doubled_;  ///< Second deliveries, of which the session knows nothing.
  bool is_frozen_ = false;
  bool is_carrying_out_ = false;
};

}  // namespace daphnis::sim
