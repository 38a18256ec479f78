#include "l2/core/data_urls.h"

#include <algorithm>
#include <utility>

#include "common/base/ip_address.h"
#include "common/base/limits.h"
#include "common/tls/client_hello.h"

namespace daphnis::l2 {

DataUrls::DataUrls(const L1Url& l1)
    : is_tls_(l1.is_tls),
      is_named_(tls::read_host_name(l1.host) && !IpAddress::parse(l1.host)),
      host_(tls::read_host_name(l1.host).value_or(l1.host)) {}

bool DataUrls::may_use(const L1Url& data_url, uint64_t now_ms) const {
  return why_never(data_url).empty() && !is_avoided(hosts_of(data_url), now_ms);
}

std::string_view DataUrls::news_of_unused(const L1Url& data_url) {
  const std::string_view why = why_never(data_url);
  if (why.empty() || std::exchange(has_told_unused_, true)) return {};
  return why;
}

std::string_view DataUrls::why_never(const L1Url& data_url) const {
  if (data_url.is_tls && !is_tls_) return "TLS is not spoken with the L1";
  if (is_tls_ && !data_url.is_tls) return "TLS is not spoken there";
  // No certificate is for a name with the root's dot at its end.
  const auto name = tls::read_host_name(data_url.host);
  const bool is_good_name = name && !data_url.host.ends_with('.');
  if (is_own_host(data_url) && (is_good_name || !is_named_)) return {};
  if (!is_tls_) return "it is on another host than the L1";
  if (!is_named_) return "the L1 is dialled by its address, and no name is below that";
  if (!is_good_name) return "it names no host";
  if (!name->ends_with("." + host_)) {
    return "its name is not below the one by which the L1 is dialled";
  }
  return {};
}

bool DataUrls::is_own_host(const L1Url& data_url) const {
  return tls::read_host_name(data_url.host).value_or(data_url.host) == host_;
}

std::string DataUrls::hosts_of(const L1Url& data_url) const {
  return is_own_host(data_url) ? host_ : "*." + domain_of(data_url);
}

bool DataUrls::on_unreachable(const L1Url& data_url, uint64_t now_ms) {
  const std::string hosts = hosts_of(data_url);
  if (is_avoided(hosts, now_ms)) return false;
  const bool is_full = avoided_.size() == limits::kDataDomainsMax && !avoided_.contains(hosts);
  if (is_full) {
    avoided_.erase(
        std::ranges::min_element(avoided_, {}, [](const auto& one) { return one.second; }));
  }
  avoided_[hosts] = now_ms + limits::kDataUrlAvoidMs;
  return true;
}

bool DataUrls::is_avoided(const std::string& hosts, uint64_t now_ms) const {
  const auto found = avoided_.find(hosts);
  return found != avoided_.end() && now_ms < found->second;
}

std::string domain_of(const L1Url& url) {
  std::string name = tls::read_host_name(url.host).value_or(url.host);
  const size_t dot = name.find('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

}  // namespace daphnis::l2
