#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/ids.h"
#include "common/base/uuid.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// The longest data name: in front of it workers need 10 digits of an index, 8 of a tag, and "w-.".
inline constexpr size_t kDataNameBytesMax = 253 - 21;

/// The longest host that is repeated to an L2 (RFC 1035 section 2.3.4, or an address).
inline constexpr size_t kDialledHostBytesMax = 255;

/// How an L2 reaches this edge.
struct Dialled {
  std::string_view host;      ///< What its registration had as the URI's host; empty: nothing.
  bool over_tls = false;      ///< So must its deliveries be.
  bool is_certified = false;  ///< It has shown a certificate, and must show it to a worker, too.
};

/// The addresses at which L2s reach a worker itself: ports of its own, on the host that the L2 has
/// dialled; and, over TLS, a name on the TLS port of L2s, `w<index>-<tag>.<data name>`, where the
/// tag is drawn for each connection of a worker, so that a name means no other process after a
/// reload. Part of the Context.
class DataAddresses {
 public:
  /// Names are given from now on, below `data_name`, a host name in lower case, for the TLS port of
  /// L2s. Without this call there are none.
  void set_name(std::string data_name, uint16_t port);

  /// The worker takes direct deliveries in these ways from now on. The first bytes of `random` make
  /// its tag, the first time.
  void set(WorkerId worker, uint32_t index, const ipc::DirectReady& ways, const Uuid& random);
  void remove(WorkerId worker);

  /// The URL that an order names, without a path: "https://edge.example:8503", or
  /// "https://w3-5be0c11f.edge.example:8443". Empty where that L2 cannot reach the worker itself.
  [[nodiscard]] std::string url_of(WorkerId worker, const Dialled& l2) const;
  /// The worker is connected and has been set().
  [[nodiscard]] bool knows(WorkerId worker) const { return workers_.contains(worker); }
  /// An attempt of the worker may be delivered to directly from now on, or no more.
  void note_out(WorkerId worker);
  void note_over(WorkerId worker);
  /// The worker to which a connection is to go whose client asks for this name, in lower case.
  /// Nothing where no worker has that name, or no attempt of it may be delivered to directly.
  [[nodiscard]] std::optional<WorkerId> taker_of(std::string_view server_name) const;

 private:
  struct Ways {
    ipc::DirectReady ready;
    std::string server_name;  ///< Empty: it takes no connections that ask for it by a name.
    size_t attempts_out = 0;
  };

  std::string data_name_;
  uint16_t port_ = 0;
  std::map<WorkerId, Ways> workers_;
};

}  // namespace daphnis::broker
