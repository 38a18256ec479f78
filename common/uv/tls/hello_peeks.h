#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/pending/pending_sockets.h"

namespace daphnis::uv {

/// Looks at the ClientHello of each connection of a TLS listener and takes nothing of it, so that
/// the connection can be given to whoever serves the name that it asks for. A connection that is no
/// TLS, that ends first, or whose ClientHello has not come within kClientHelloMs, is closed,
/// counted, and logged once in kClientHellosLogMs. At most kClientHellosAwaitedMax wait; beyond,
/// the oldest is closed. Owned by the process's shell.
class HelloPeeks {
 public:
  /// A connection whose ClientHello has come whole, none of it read.
  struct Peeked {
    UniqueFd fd;
    std::string name;     ///< The server that it names, as in HelloLook; empty: none.
    std::string address;  ///< Its client's.
  };

  HelloPeeks(Loop& loop, Log& log, std::function<void(Peeked)> on_peeked);

  /// Takes a connection, non-blocking, of a client at that address. Where its ClientHello is there
  /// already, on_peeked() is called at once.
  void add(UniqueFd fd, std::string address);
  /// The number of connections that were closed.
  [[nodiscard]] uint64_t refused() const { return pending_.refusals().count(); }
  /// The number of connections that wait for their ClientHello.
  [[nodiscard]] size_t waiting() const { return pending_.size(); }

 private:
  struct Looked {
    size_t seen_bytes = 0;    ///< At the last look.
    size_t needed_bytes = 1;  ///< SO_RCVLOWAT of the socket.
  };
  using Pending = PendingSockets<Looked>;

  void look(Pending::Place place, bool has_ended);
  void wait_for(Pending::Place place, size_t needed_bytes);
  void pass_on(Pending::Place place, std::string name);

  std::function<void(Peeked)> on_peeked_;
  std::vector<uint8_t> bytes_;  ///< What one look sees.
  Pending pending_;
};

}  // namespace daphnis::uv
