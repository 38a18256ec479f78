#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/cidr_set.h"
#include "common/peer/proxy_header.h"
#include "common/uv/fd.h"
#include "common/uv/log.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"

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
  [[nodiscard]] uint64_t refused() const { return refused_; }
  /// The number of connections that wait for their headers.
  [[nodiscard]] size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::string peer;
    uint64_t deadline_ms = 0;
    peer::ProxyHeader header = {};
    std::optional<Poll> poll = {};
  };
  using Place = std::list<Waiting>::iterator;

  void on_ready(Place place);
  void name(Place place);
  void refuse(Place place, std::string_view why);
  void count_refusal(const std::string& peer, std::string_view why);
  void on_time();
  void arm();

  Loop& loop_;
  Log& log_;
  CidrSet trusted_;
  std::function<void(UniqueFd, std::string)> on_named_;
  std::list<Waiting> waiting_;  ///< Oldest first, so that the first deadline is in front.
  Timer timer_;
  uint64_t refused_ = 0;
  uint64_t next_log_ms_ = 0;
};

}  // namespace daphnis::uv
