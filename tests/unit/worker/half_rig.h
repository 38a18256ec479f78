#pragma once

#include <string>

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

/// A client whose answer comes from L2s "l2-1", "l2-2" and so on, which may break off.
struct Half : Rig {
  explicit Half(Settings settings = {}) : Rig(settings), client(connect()) {
    start_broker();
    send(client, get(car));
    fetch = only<ipc::Fetch>();
  }
  /// Hands off the next L2's stream, which has come as far as the first `bytes` bytes of the CAR.
  Peer& begin(size_t bytes) {
    return hand_off(fetch,
                    post_head("Content-Length: " + std::to_string(car.bytes.size()) + "\r\n") +
                        text(car.bytes).substr(0, bytes));
  }

  /// Sends the rest of what begin() began, up to the end of that section.
  void send_section(Peer& l2, size_t section) {
    const size_t from = section == 0 ? 0 : car.section_ends[section - 1];
    send(l2, Bytes(car.bytes).subspan(from, car.section_ends[section] - from));
  }
  /// A whole POST that leaves out the blocks of the first `skip` sections.
  [[nodiscard]] std::string post_after(size_t skip) const {
    const size_t header = 1 + car.bytes[0];
    const std::string body = text(Bytes(car.bytes).first(header)) +
                             text(Bytes(car.bytes).subspan(car.section_ends[skip - 1]));
    return post_head("Daphnis-Skip: " + std::to_string(skip) +
                     "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
           body;
  }

  SampleCar car;
  Peer& client;
  ipc::Fetch fetch;
};

}  // namespace daphnis::worker::test
