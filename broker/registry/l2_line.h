#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/health/standing.h"
#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

/// What an L2 is asked for by one attempt. Names what its maker owns; valid within the call that
/// gets it.
struct Order {
  const Uuid& attempt_id;
  const CarRequest& request;
  std::string_view trace_id;
  uint64_t left_ms = 0;  ///< The time that the fetch has left.
  uint64_t skip = 0;     ///< Blocks of the request's walk that are out already.
  Bytes next = {};  ///< The binary CID of the block due behind them; empty where there are none.
  /// Where the worker itself takes the delivery (DataAddresses::url_of()); empty: nowhere.
  std::string_view data_url = {};
};

/// The way to one registered L2, whatever carries it: each transport has a class of its own. Owned
/// by its L2 while that is registered. Whoever takes it from there ends or cuts it, unless its
/// connection is gone already; after that it is not called again. What is written comes to the L2
/// in the order of the calls.
///
/// A call that writes returns the number of bytes that it has added to those unsent, which
/// Registrations counts; the transport tells Registrations::on_unsent() how many are left whenever
/// the L2 has taken some. What follows where an L2 takes none is the same for every transport, and
/// no line decides it.
class L2Line {
 public:
  L2Line() = default;
  L2Line(const L2Line&) = delete;
  L2Line& operator=(const L2Line&) = delete;
  virtual ~L2Line() = default;

  /// Tells the L2 that it is registered, with its session key, and gives a first sign of life.
  /// Called once and before all others.
  [[nodiscard]] virtual size_t begin(const Uuid& session_key) = 0;
  /// Gives the L2 an order.
  [[nodiscard]] virtual size_t order(const Order& order) = 0;
  /// Tells the L2 that nobody waits for an attempt any more. Where the transport or the L2 knows no
  /// such message nothing is written: there the L2 learns it from the reply to its delivery.
  [[nodiscard]] virtual size_t cancel(const Uuid& attempt_id) = 0;
  /// Tells the L2 that it is ejected. Where the transport or the L2 knows no such message nothing
  /// is written.
  [[nodiscard]] virtual size_t notice(const Ejection& ejection) = 0;
  /// Tells the L2 that another node asks for its id, and by what right: `reason` is a name. Where
  /// the transport or the L2 knows no such message nothing is written.
  [[nodiscard]] virtual size_t contested(std::string_view reason) = 0;
  /// Gives the L2 the successor of its token. Where the transport or the L2 knows no such message
  /// nothing is written.
  [[nodiscard]] virtual size_t token(std::string_view successor) = 0;
  /// Gives a sign of life.
  [[nodiscard]] virtual size_t heartbeat() = 0;

  /// Ends the registration from our side and tells the L2 why; what was written before still
  /// arrives. `reason` is plain text on one line.
  virtual void end(std::string_view reason, uint64_t now_ms) = 0;
  /// Ends it at once and without a word, since the L2 does not read.
  virtual void cut() = 0;
};

}  // namespace daphnis::broker
