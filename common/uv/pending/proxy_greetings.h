#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/cidr_set.h"
#include "common/peer/proxy_header.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/pending/pending_sockets.h"

namespace daphnis::uv {

/// Takes the PROXY header off each connection of a listener to which only proxies connect, so that
/// nobody behind it sees a byte of it. A connection of anybody but a trusted proxy, without such a
/// header, or that brings none within kProxyHeaderMs, is closed, counted, and logged once in
/// kProxyRefusalsLogMs. At most kProxyHeadersAwaitedMax wait; beyond, the oldest is closed. Owned
/// by the process's shell.
class ProxyGreetings {
 public:
  /// `on_named` gets each connection whose header has come, and the address of its client.
  ProxyGreetings(Loop& loop, Log& log, CidrSet trusted,
                 std::function<void(UniqueFd, std::string address)> on_named);

  /// Takes a connection, non-blocking. Where its header is there already, on_named() is called at
  /// once.
  void add(UniqueFd fd);
  /// The number of connections that were closed.
  [[nodiscard]] uint64_t refused() const { return pending_.refusals().count(); }
  /// The number of connections that wait for their headers.
  [[nodiscard]] size_t size() const { return pending_.size(); }

 private:
  using Pending = PendingSockets<peer::ProxyHeader>;

  void look(Pending::Place place);
  void name(Pending::Place place);

  CidrSet trusted_;
  std::function<void(UniqueFd, std::string)> on_named_;
  Pending pending_;
};

}  // namespace daphnis::uv
