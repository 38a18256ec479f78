#pragma once

#include <string>

#include "common/base/network.h"

namespace daphnis::worker {

/// Who is asking: at the other end of a connection, or behind the trusted proxy there.
struct Client {
  std::string address;      ///< Without port; empty where nobody knows.
  Network network{};        ///< The unit of bounds per address.
  bool is_bounded = false;  ///< ClientBounds count what it asks for.
};

}  // namespace daphnis::worker
