#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/context.h"
#include "broker/registry/holdings.h"
#include "broker/registry/registry.h"
#include "broker/registry/ring.h"

namespace daphnis::broker {

/// Writes the registrations' endless responses (DESIGN 3.1): heads, heartbeats, order lines and
/// ends; keeps registry, ring and holdings in step. Owned by the broker. An L2 that does not read
/// is only marked here (is_given_up, and in given_up()), since the dispatcher must take its fetches
/// back first; the broker drops it at the end of the input.
class Registrations {
 public:
  explicit Registrations(Context& context)
      : context_(context),
        registry_(context.settings),
        holdings_(context.settings.holdings_per_address) {}

  /// Registers an L2 on `conn` and writes the response's head and the first heartbeat. The caller
  /// ends the former connection of a replaced registration, and replies 503 to an error.
  [[nodiscard]] std::expected<Registry::Admission, Registry::Refusal> open(
      Registration registration, ConnId conn, const std::string& address, uint64_t now_ms);
  /// Forgets a registered L2. The caller ends its connection, if there still is one.
  void remove(L2& l2, std::string_view why, uint64_t now_ms);

  /// Writes a line to the L2's registration.
  void send_line(L2& l2, std::string_view line, uint64_t now_ms);
  void on_timer(L2No no, uint64_t now_ms);
  /// `unsent_bytes` of what was written to the L2 are not yet in the kernel.
  void on_unsent(L2& l2, size_t unsent_bytes, uint64_t now_ms);

  /// The L2s that the broker has still to drop.
  [[nodiscard]] std::vector<L2No>& given_up() { return given_up_; }
  [[nodiscard]] Registry& registry() { return registry_; }
  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] const Ring& ring() const { return ring_; }
  [[nodiscard]] Holdings& holdings() { return holdings_; }
  [[nodiscard]] const Holdings& holdings() const { return holdings_; }

  /// The bytes that end a registration's response, with the reason as a trailer.
  [[nodiscard]] static std::string registration_end(const Registration& registration,
                                                    std::string_view reason);

 private:
  void write(L2& l2, std::string bytes, uint64_t now_ms);
  [[nodiscard]] bool is_stuck(const L2& l2, uint64_t now_ms) const;
  void arm(L2& l2, uint64_t at_ms);

  Context& context_;
  Registry registry_;
  Ring ring_;
  Holdings holdings_;
  std::vector<L2No> given_up_;
};

}  // namespace daphnis::broker
