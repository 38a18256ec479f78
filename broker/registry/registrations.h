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

/// The registration streams (DESIGN 3.1): their heads, heartbeats, order lines and ends; keeps
/// registry, ring and holdings in step. Owned by the broker. An L2 that must go is only marked
/// (is_given_up, and in given_up()), since its fetches are the dispatcher's business; the broker
/// drops it at the input's end.
class Registrations {
 public:
  explicit Registrations(Context& context)
      : context_(context),
        registry_(context.settings),
        holdings_(context.settings.holdings_per_address) {}

  /// Opens a stream on `conn`: the response's head and the first heartbeat. On a replacement the
  /// former stream is told why and ended. Error: to be answered with 503.
  [[nodiscard]] std::expected<Registry::Admission, Registry::Refusal> open(
      Registration registration, ConnId conn, const std::string& address, uint64_t now_ms);
  /// Forgets a registered L2. Its connection, if it still stands, is the caller's to end.
  void remove(L2& l2, std::string_view why, uint64_t now_ms);

  /// Puts a line on the L2's stream.
  void send_line(L2& l2, std::string_view line, uint64_t now_ms);
  void on_timer(L2No no, uint64_t now_ms);
  /// So much of what was written has not been taken by the kernel.
  void on_unsent(L2& l2, size_t unsent_bytes, uint64_t now_ms);

  [[nodiscard]] std::vector<L2No>& given_up() { return given_up_; }
  [[nodiscard]] Registry& registry() { return registry_; }
  [[nodiscard]] const Registry& registry() const { return registry_; }
  [[nodiscard]] const Ring& ring() const { return ring_; }
  [[nodiscard]] Holdings& holdings() { return holdings_; }
  [[nodiscard]] const Holdings& holdings() const { return holdings_; }

  /// The end of a stream, with the reason as a trailer.
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
