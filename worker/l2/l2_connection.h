#pragma once

#include "worker/base/connection.h"
#include "worker/l2/post_stream.h"

namespace daphnis::worker {

/// A connection of an L2, on which POSTs come. Owned by the Worker.
class L2Connection : public Connection {
 public:
  using Connection::Connection;

  /// The POST that is read or replied to; null: none is.
  [[nodiscard]] virtual PostStream* post() = 0;
};

}  // namespace daphnis::worker
