#include "l2/core/data_urls.h"

#include <algorithm>

#include "common/base/limits.h"

namespace daphnis::l2 {
namespace {

std::string in_lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

DataUrls::DataUrls(const L1Url& l1) {
  if (l1.is_tls) below_ = "." + in_lower_case(l1.host);
}

bool DataUrls::may_use(const L1Url& data_url, uint64_t now_ms) const {
  if (below_.empty() || !data_url.is_tls) return false;
  return in_lower_case(data_url.host).ends_with(below_) && !is_avoided(domain_of(data_url), now_ms);
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
  const size_t dot = url.host.find('.');
  return in_lower_case(dot == std::string::npos ? url.host : url.host.substr(dot + 1));
}

}  // namespace daphnis::l2
