#pragma once

#include <string>

#include "tests/unit/worker/half_rig.h"

namespace daphnis::worker::test {

/// Settings of a worker that takes direct deliveries.
inline Settings taking() {
  Settings settings;
  settings.has_certificates = true;
  return settings;
}

/// A client that waits, and one attempt of which the worker knows that it may be delivered to
/// directly.
struct Direct : Half {
  Direct() : Half(taking()) {
    id.fill(7);
    order(id);
  }
  void order(const Uuid& attempt) { tell(out(attempt)); }
  /// What tells the worker of an attempt of the client's fetch.
  [[nodiscard]] ipc::AttemptOut out(const Uuid& attempt) const {
    return {
        .fetch_id = fetch.fetch_id, .attempt_id = attempt, .attempt_number = 1, .l2_id = "home"};
  }
  /// The head of a POST for an attempt.
  [[nodiscard]] std::string head(const std::string& fields) const { return head_for(id, fields); }
  [[nodiscard]] std::string head_for(const Uuid& attempt, const std::string& fields) const {
    return "POST /data/" + car.root.text() + "?requestId=" + text_of(attempt) +
           " HTTP/1.1\r\nHost: w\r\n" + fields + "\r\n";
  }
  [[nodiscard]] std::string post() const {
    return head("Content-Length: " + std::to_string(car.bytes.size()) + "\r\n") + text(car.bytes);
  }
  /// The only message about direct deliveries.
  [[nodiscard]] ipc::DirectSays said() {
    const auto delivery = only<ipc::DirectDelivery>();
    CHECK(delivery.attempt_id == id);
    return delivery.says;
  }
  /// True where the client's answer is whole.
  [[nodiscard]] bool is_served() { return dechunked(client.received) == text(car.bytes); }

  Uuid id{};
};

}  // namespace daphnis::worker::test
