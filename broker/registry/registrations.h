#pragma once

#include <absl/container/flat_hash_map.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/context.h"
#include "broker/health/health_book.h"
#include "broker/registry/claims.h"
#include "broker/registry/holdings.h"
#include "broker/registry/registry.h"
#include "broker/registry/ring.h"
#include "broker/registry/strangers.h"

namespace daphnis::broker {

/// Writes to the lines of the registered L2s (DESIGN 3.1): beginnings, heartbeats, orders and
/// cancels; counts what an L2 has not read yet, and keeps registry, ring and holdings in step.
/// Owned by the broker. An L2 that does not read is only marked here (is_given_up, and in
/// given_up()), since the dispatcher must take its fetches back first; the broker drops it at the
/// end of the input.
class Registrations {
 public:
  explicit Registrations(Context& context)
      : context_(context),
        registry_(context.settings),
        holdings_(context.settings.holdings_per_address),
        claims_(context, registry_, holdings_),
        strangers_(context.settings.claims),
        health_(context) {}

  /// Registers an L2 that is reached by `line` from its peer's `address` (without port), and begins
  /// the line. The caller ends the former line of a replaced registration. An error destroys `line`
  /// unused; the caller tells the L2 to come back later.
  [[nodiscard]] std::expected<Registry::Admission, Registry::Refusal> open(
      Registration registration, std::unique_ptr<L2Line> line, const std::string& address,
      uint64_t now_ms);
  /// Forgets a registered L2 and returns its line. The caller ends that, if it has not ended by
  /// itself.
  std::unique_ptr<L2Line> remove(L2& l2, std::string_view why, uint64_t now_ms);

  /// Gives a registered L2 its weight on the ring, which it has again whenever it comes back
  /// (LeftL2s). A weight outside kL2WeightMin to kL2WeightMax becomes the nearer of these.
  void set_weight(L2& l2, double weight);

  /// Gives the L2 an order.
  void order(L2& l2, const Order& order, uint64_t now_ms);
  /// Tells the L2 that nobody waits for an attempt any more, where its line can say so.
  void cancel(L2& l2, const Uuid& attempt_id, uint64_t now_ms);
  /// Tells the L2 that it is ejected, where its line can say so.
  void tell_ejected(L2& l2, const Ejection& ejection, uint64_t now_ms);
  /// Tells the L2 that another node asks for its id, where its line can say so.
  void tell_contested(L2& l2, std::string_view reason, uint64_t now_ms);
  void on_timer(L2No no, uint64_t now_ms);

  /// The attempt has ended without its POST, so its order is given up and keeps its place.
  /// `wait` is what that says of the L2.
  void give_up(L2& l2, const Uuid& attempt_id, uint64_t ordered_ms, uint64_t now_ms,
               const Wait& wait = {});
  /// How an L2 answers an order that was given up.
  enum class Answer : uint8_t { kPost, kAcknowledges };
  /// The L2 has answered an order. Returns the L2 where that order was given up, so that its place
  /// is free now; else null. A POST corrects what its health has counted for the order.
  L2* settle(const Uuid& attempt_id, Answer answer, uint64_t now_ms);
  /// A deadline of TimerKind::kPlaces passed. Returns the L2 whose place is free; null: it is gone.
  L2* on_places_timer(L2No no, uint64_t now_ms);
  /// The L2's registration is over, and with it all its orders given up.
  void forget_given_up(L2& l2);

  /// `unsent_bytes` of what was written to the L2 are not yet taken by its transport.
  void on_unsent(L2& l2, size_t unsent_bytes, uint64_t now_ms);

  /// The L2 can be asked from now on, as if it had just registered: what was found out without it
  /// may be different with it. open() does this by itself.
  void note_arrival(L2& l2) { l2.arrival = ++arrivals_; }
  /// The registered L2s of HealthBook::take_readmitted(), each of which has arrived anew.
  [[nodiscard]] std::vector<L2*> take_readmitted();
  /// The number of the last arrival.
  [[nodiscard]] uint64_t arrivals() const { return arrivals_; }

  /// The L2s that the broker has still to drop.
  [[nodiscard]] std::vector<L2No>& given_up() { return given_up_; }
  [[nodiscard]] Registry& registry() { return registry_; }
  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] const Ring& ring() const { return ring_; }
  [[nodiscard]] Holdings& holdings() { return holdings_; }
  [[nodiscard]] const Holdings& holdings() const { return holdings_; }
  [[nodiscard]] Claims& claims() { return claims_; }
  [[nodiscard]] const Claims& claims() const { return claims_; }
  [[nodiscard]] Strangers& strangers() { return strangers_; }
  [[nodiscard]] const Strangers& strangers() const { return strangers_; }
  [[nodiscard]] HealthBook& health() { return health_; }
  [[nodiscard]] const HealthBook& health() const { return health_; }

 private:
  /// Gives the L2 the successor of its token where that is due.
  void renew_token(L2& l2, uint64_t now_ms);
  void log_admission(const Registry::Admission& admission);
  /// Counts bytes that were just written to the L2's line.
  void count_unsent(L2& l2, size_t bytes, uint64_t now_ms);
  [[nodiscard]] bool is_stuck(const L2& l2, uint64_t now_ms) const;
  void arm(L2& l2, uint64_t at_ms);
  void arm_places(L2& l2);
  /// An order that was late was never answered.
  void count_silence(L2& l2, const Places::GivenUp& order, uint64_t now_ms);

  Context& context_;
  Registry registry_;
  Ring ring_;
  Holdings holdings_;
  Claims claims_;
  Strangers strangers_;
  HealthBook health_;
  std::vector<L2No> given_up_;
  uint64_t arrivals_ = 0;
  /// The L2s that have a place taken by an order given up, by its attempt.
  absl::flat_hash_map<Uuid, L2No> orders_given_up_;
};

}  // namespace daphnis::broker
