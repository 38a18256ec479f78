#include "broker/base/data_names.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

constexpr size_t kTagBytes = 4;
constexpr uint16_t kHttpsPort = 443;

}  // namespace

void DataNames::set_place(std::string data_name, uint16_t port) {
  data_name_ = std::move(data_name);
  port_ = port;
}

void DataNames::add(WorkerId worker, uint32_t index, bool asks_certificates, const Uuid& random) {
  if (data_name_.empty()) return;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name = "w" + std::to_string(index) + "-";
  for (size_t i = 0; i < kTagBytes; ++i) {
    name.push_back(kDigits[random[i] >> 4]);
    name.push_back(kDigits[random[i] & 0xf]);
  }
  name.append(".").append(data_name_);
  std::string url = "https://" + name;
  if (port_ != kHttpsPort) url.append(":").append(std::to_string(port_));
  names_.insert_or_assign(worker, Names{std::move(name), std::move(url), asks_certificates});
}

void DataNames::remove(WorkerId worker) {
  names_.erase(worker);
}

std::string_view DataNames::url_of(WorkerId worker, bool is_certified) const {
  const auto found = names_.find(worker);
  if (found == names_.end() || (is_certified && !found->second.asks_certificates)) return {};
  return found->second.url;
}

void DataNames::note_out(WorkerId worker) {
  const auto found = names_.find(worker);
  if (found != names_.end()) ++found->second.attempts_out;
}

void DataNames::note_over(WorkerId worker) {
  const auto found = names_.find(worker);
  if (found == names_.end()) return;  // The worker is gone.
  check(found->second.attempts_out > 0, "more attempts of a worker are over than were out");
  --found->second.attempts_out;
}

std::optional<WorkerId> DataNames::taker_of(std::string_view server_name) const {
  const auto found = std::ranges::find_if(
      names_, [&](const auto& one) { return one.second.server_name == server_name; });
  if (found == names_.end() || found->second.attempts_out == 0) return std::nullopt;
  return found->first;
}

}  // namespace daphnis::broker
