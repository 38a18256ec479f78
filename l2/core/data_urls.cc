#include "l2/core/data_urls.h"

#include <algorithm>
#include <utility>

#include "common/base/ip_address.h"
#include "common/base/limits.h"
#include "common/tls/client_hello.h"

namespace daphnis::l2 {

DataUrls::DataUrls(const L1Url& l1) {
  const auto name = tls::read_host_name(l1.host);
  if (!l1.is_tls) {
    why_none_ = "TLS is not spoken with the L1";
  } else if (!name || IpAddress::parse(l1.host)) {
    why_none_ = "the L1 is dialled by its address, and no name is below that";
  } else {
    below_ = "." + *name;
  }
}

bool DataUrls::may_use(const L1Url& data_url, uint64_t now_ms) const {
  return why_never(data_url).empty() && !is_avoided(domain_of(data_url), now_ms);
}

std::string_view DataUrls::news_of_unused(const L1Url& data_url) {
  const std::string_view why = why_never(data_url);
  if (why.empty() || std::exchange(has_told_unused_, true)) return {};
  return why;
}

std::string_view DataUrls::why_never(const L1Url& data_url) const {
  if (!why_none_.empty()) return why_none_;
  if (!data_url.is_tls) return "TLS is not spoken there";
  const auto name = tls::read_host_name(data_url.host);
  // No certificate is for a name with the root's dot at its end.
  if (!name || data_url.host.ends_with('.')) return "it names no host";
  if (!name->ends_with(below_)) return "its name is not below the one by which the L1 is dialled";
  return {};
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
