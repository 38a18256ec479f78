#include "l2/core/data_urls.h"

#include <algorithm>

#include "common/base/limits.h"
#include "common/tls/client_hello.h"

namespace daphnis::l2 {

DataUrls::DataUrls(const L1Url& l1) {
  const auto name = tls::read_host_name(l1.host);
  if (l1.is_tls && name) below_ = "." + *name;
}

bool DataUrls::may_use(const L1Url& data_url, uint64_t now_ms) const {
  if (below_.empty() || !data_url.is_tls) return false;
  // No certificate is for a name with the root's dot at its end.
  const auto name = tls::read_host_name(data_url.host);
  if (!name || data_url.host.ends_with('.') || !name->ends_with(below_)) return false;
  return !is_avoided(domain_of(data_url), now_ms);
}

bool DataUrls::on_unreachable(const L1Url& data_url, uint64_t now_ms) {
  const std::string domain = domain_of(data_url);
  if (is_avoided(domain, now_ms)) return false;
  const bool is_full = avoided_.size() == limits::kDataDomainsMax && !avoided_.contains(domain);
  if (is_full) {
    avoided_.erase(
        std::ranges::min_element(avoided_, {}, [](const auto& one) { return one.second; }));
  }
  avoided_[domain] = now_ms + limits::kDataUrlAvoidMs;
  return true;
}

bool DataUrls::is_avoided(const std::string& domain, uint64_t now_ms) const {
  const auto found = avoided_.find(domain);
  return found != avoided_.end() && now_ms < found->second;
}

std::string domain_of(const L1Url& url) {
  std::string name = tls::read_host_name(url.host).value_or(url.host);
  const size_t dot = name.find('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

}  // namespace daphnis::l2
