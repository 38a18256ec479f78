#include "broker/base/data_addresses.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

constexpr size_t kTagBytes = 4;
constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kHttpPort = 80;

std::string url(bool is_tls, std::string_view host, uint16_t port) {
  std::string text = is_tls ? "https://" : "http://";
  text.append(host);
  if (port != (is_tls ? kHttpsPort : kHttpPort)) text.append(":").append(std::to_string(port));
  return text;
}

}  // namespace

void DataAddresses::set_name(std::string data_name, uint16_t port) {
  data_name_ = std::move(data_name);
  port_ = port;
}

void DataAddresses::set(WorkerId worker, uint32_t index, const ipc::DirectReady& ways,
                        const Uuid& random) {
  Ways& its = workers_[worker];
  its.ready = ways;
  if (data_name_.empty() || !ways.has_certificates || !its.server_name.empty()) return;
  constexpr std::string_view kDigits = "0123456789abcdef";
  its.server_name = "w" + std::to_string(index) + "-";
  for (size_t i = 0; i < kTagBytes; ++i) {
    its.server_name.push_back(kDigits[random[i] >> 4]);
    its.server_name.push_back(kDigits[random[i] & 0xf]);
  }
  its.server_name.append(".").append(data_name_);
}

void DataAddresses::remove(WorkerId worker) {
  workers_.erase(worker);
}

std::string DataAddresses::url_of(WorkerId worker, const Dialled& l2) const {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return {};
  const Ways& its = found->second;
  if (l2.is_certified && !its.ready.asks_certificates) return {};
  const uint16_t port = l2.over_tls ? its.ready.tls_port : its.ready.port;
  if (port != 0 && !l2.host.empty()) return url(l2.over_tls, l2.host, port);
  return l2.over_tls && !its.server_name.empty() ? url(true, its.server_name, port_) : "";
}

void DataAddresses::note_out(WorkerId worker) {
  const auto found = workers_.find(worker);
  if (found != workers_.end()) ++found->second.attempts_out;
}

void DataAddresses::note_over(WorkerId worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;  // The worker is gone.
  check(found->second.attempts_out > 0, "more attempts of a worker are over than were out");
  --found->second.attempts_out;
}

std::optional<WorkerId> DataAddresses::taker_of(std::string_view server_name) const {
  const auto found = std::ranges::find_if(
      workers_, [&](const auto& one) { return one.second.server_name == server_name; });
  if (server_name.empty() || found == workers_.end() || found->second.attempts_out == 0) {
    return std::nullopt;
  }
  return found->first;
}

}  // namespace daphnis::broker
