#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/base/ip_address.h"
#include "common/base/network.h"
#include "common/base/token_bucket.h"
#include "worker/base/settings.h"
#include "worker/client/client.h"

namespace daphnis::worker {

/// Bounds what the clients of one network have of this worker: connections, requests at once, and
/// requests in a second (Settings::clients_per_address and the two behind it). Trusted proxies are
/// not bounded, since each is many clients; nor are local addresses where no proxy is named, since
/// behind a proxy on this machine every client has one. Counts at most kClientNetworksMax networks;
/// those of a further one are not bounded. Owned by the Worker; outlives its shares.
class ClientBounds {
  struct Counts;

 public:
  /// One connection or request, which counts for as long as this lives. An empty one counts for
  /// nobody.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept { *this = std::move(other); }
    Share& operator=(Share&& other) noexcept {
      std::swap(bounds_, other.bounds_);
      std::swap(network_, other.network_);
      std::swap(count_, other.count_);
      return *this;
    }
    ~Share();

   private:
    friend class ClientBounds;

    ClientBounds* bounds_ = nullptr;
    Network network_{};
    size_t Counts::*count_ = nullptr;
  };

  /// `settings` must outlive this object.
  explicit ClientBounds(const Settings& settings) : settings_(settings) {}

  /// The client with this address, a literal without port.
  [[nodiscard]] Client client_at(std::string address);
  /// True where there are bounds for this client.
  [[nodiscard]] bool apply_to(const IpAddress& client);
  /// The first client that has no bounds only since no proxy is named; returned once.
  [[nodiscard]] std::optional<IpAddress> take_unbounded() {
    return std::exchange(unbounded_, std::nullopt);
  }

  enum class Place : uint8_t {
    kFree,
    kTaken,   ///< The connection is to be answered 429 and closed.
    kClosed,  ///< Too many are being answered so: it is to be closed at once.
  };
  /// A connection has come. Where it is not to be closed, `share` is its own.
  [[nodiscard]] Place take_connection(Network network, Share& share, uint64_t now_ms);
  /// A request has come. 0: it may be served, and `share` is its own; else it is to be answered
  /// 429, and may be tried again after so many seconds.
  [[nodiscard]] uint32_t take_request(Network network, Share& share, uint64_t now_ms);

  // --- What was refused ---
  [[nodiscard]] uint64_t over_connections() const { return over_connections_; }
  [[nodiscard]] uint64_t over_requests() const { return over_requests_; }
  [[nodiscard]] uint64_t over_rate() const { return over_rate_; }
  /// The networks that are counted.
  [[nodiscard]] size_t networks() const { return networks_.size(); }

 private:
  struct Counts {
    size_t connections = 0;
    size_t requests = 0;
    TokenBucket rate;
  };

  /// Null where no further network can be counted.
  [[nodiscard]] Counts* counts_of(Network network, uint64_t now_ms);
  [[nodiscard]] Share share_of(Network network, size_t Counts::*count);
  void forget_quiet(uint64_t now_ms);

  const Settings& settings_;
  /// Those with connections or requests, or with few tokens, and some that have become quiet.
  absl::flat_hash_map<Network, Counts> networks_;
  uint64_t next_forget_ms_ = 0;
  bool has_seen_unbounded_ = false;
  std::optional<IpAddress> unbounded_;
  uint64_t over_connections_ = 0;
  uint64_t over_requests_ = 0;
  uint64_t over_rate_ = 0;
};

}  // namespace daphnis::worker
