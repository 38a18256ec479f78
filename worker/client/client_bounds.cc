#include "worker/client/client_bounds.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::worker {
namespace {

/// The least time between two searches for networks that have nothing any more.
constexpr uint64_t kForgetEveryMs = 1'000;

}  // namespace

ClientBounds::Share::~Share() {
  if (!bounds_) return;
  const auto found = bounds_->networks_.find(network_);
  check(found != bounds_->networks_.end() && found->second.*count_ > 0,
        "a share of no network ends");
  --(found->second.*count_);
}

Client ClientBounds::client_at(std::string address) {
  const auto literal = IpAddress::parse(address);
  const Network network = literal ? network_of(*literal) : network_of(address);
  return {.address = std::move(address),
          .network = network,
          .is_bounded = literal && apply_to(*literal)};
}

bool ClientBounds::apply_to(const IpAddress& client) {
  const bool has_bounds = settings_.clients_per_address > 0 || settings_.requests_per_address > 0 ||
                          settings_.request_rate_per_address > 0;
  if (!has_bounds || settings_.trusted_proxies.contains(client)) return false;
  if (!settings_.trusted_proxies.is_empty() || !client.is_local()) return true;
  if (!std::exchange(has_seen_unbounded_, true)) unbounded_ = client;
  return false;
}

ClientBounds::Place ClientBounds::take_connection(Network network, Share& share, uint64_t now_ms) {
  const size_t bound = settings_.clients_per_address;
  Counts* counts = bound == 0 ? nullptr : counts_of(network, now_ms);
  if (!counts) return Place::kFree;
  const bool is_over = counts->connections >= bound;
  if (is_over) ++over_connections_;
  if (counts->connections >= bound + limits::kTurnedAwayPerNetworkMax) return Place::kClosed;
  ++counts->connections;
  share = share_of(network, &Counts::connections);
  return is_over ? Place::kTaken : Place::kFree;
}

uint32_t ClientBounds::take_request(Network network, Share& share, uint64_t now_ms) {
  const size_t bound = settings_.requests_per_address;
  const bool has_rate = settings_.request_rate_per_address > 0;
  Counts* counts = bound == 0 && !has_rate ? nullptr : counts_of(network, now_ms);
  if (!counts) return 0;
  if (bound > 0 && counts->requests >= bound) {
    ++over_requests_;
    return 1;
  }
  if (has_rate && !counts->rate.has_token(now_ms)) {
    ++over_rate_;
    const uint64_t wait_ms = counts->rate.wait_ms(now_ms);
    return std::max<uint32_t>(1, static_cast<uint32_t>((wait_ms + 999) / 1'000));
  }
  if (has_rate) counts->rate.take(0, now_ms);
  ++counts->requests;
  share = share_of(network, &Counts::requests);
  return 0;
}

ClientBounds::Counts* ClientBounds::counts_of(Network network, uint64_t now_ms) {
  forget_quiet(now_ms);
  const auto found = networks_.find(network);
  if (found != networks_.end()) return &found->second;
  if (networks_.size() >= limits::kClientNetworksMax) return nullptr;
  const uint64_t rate = std::max<uint64_t>(settings_.request_rate_per_address, 1);
  return &networks_.emplace(network, Counts{.rate = TokenBucket(rate, rate)}).first->second;
}

ClientBounds::Share ClientBounds::share_of(Network network, size_t Counts::*count) {
  Share share;
  share.bounds_ = this;
  share.network_ = network;
  share.count_ = count;
  return share;
}

void ClientBounds::forget_quiet(uint64_t now_ms) {
  if (now_ms < next_forget_ms_) return;
  next_forget_ms_ = now_ms + kForgetEveryMs;
  absl::erase_if(networks_, [&](auto& entry) {
    Counts& counts = entry.second;
    return counts.connections == 0 && counts.requests == 0 && counts.rate.is_full(now_ms);
  });
}

}  // namespace daphnis::worker
