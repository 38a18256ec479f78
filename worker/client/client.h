#pragma once

#include <string>
#include <utility>

#include "common/base/network.h"

namespace daphnis::worker {

/// Who is asking: at the other end of a connection, or behind the trusted proxy there.
struct Client {
  std::string address;  ///< Without port; empty where nobody knows.
  Network network{};    ///< The unit of bounds per address.
};

[[nodiscard]] inline Client client_at(std::string address) {
  const Network network = network_of(address);
  return {.address = std::move(address), .network = network};
}

}  // namespace daphnis::worker
