#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"

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
  [[nodiscard]] uint64_t refused() const { return refused_; }
  /// The number of connections that wait for their ClientHello.
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::string address;
    uint64_t deadline_ms = 0;
    size_t seen_bytes = 0;    ///< At the last look.
    size_t needed_bytes = 1;  ///< SO_RCVLOWAT of the socket.
    std::optional<Poll> poll = {};
  };
  using Place = std::list<Waiting>::iterator;

  void look(Place place, bool has_ended);
  void wait_for(Place place, size_t needed_bytes);
  void pass_on(Place place, std::string name);
  void refuse(Place place, std::string_view why);
  void on_time();
  void arm();

  Loop& loop_;
  Log& log_;
  std::function<void(Peeked)> on_peeked_;
  std::vector<uint8_t> bytes_;  ///< What one look sees.
  std::list<Waiting> waiting_;  ///< Oldest first, so that the first deadline is in front.
  Timer timer_;
  uint64_t refused_ = 0;
  uint64_t next_log_ms_ = 0;
};

}  // namespace daphnis::uv
