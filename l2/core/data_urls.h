#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "l2/core/l1_url.h"

namespace daphnis::l2 {

/// Decides which data URLs of an L1's orders are used (docs/protocol-l2.md, "To the worker
/// itself"). Only ports of the L1's own host are, and names below it where TLS is spoken with the
/// L1, so that an L1 cannot send its L2s to anybody else: those names are its owner's, and who is
/// reached must show a certificate for them. Where TLS is spoken with the L1 it is there, too.
/// Where one cannot be reached, all ports of its host, or all names beside it, are left out for a
/// while, since each worker has one of its own. Owned by the client of that L1.
class DataUrls {
 public:
  explicit DataUrls(const L1Url& l1);

  [[nodiscard]] bool may_use(const L1Url& data_url, uint64_t now_ms) const;
  /// Why that URL is never used, in words for the log. Empty: it may be; or why was said before,
  /// since it holds for other orders of the L1 as well.
  [[nodiscard]] std::string_view news_of_unused(const L1Url& data_url);
  /// The URL could not be reached: those of hosts_of() are not used for kDataUrlAvoidMs. False:
  /// they were left out already, so there is no news.
  bool on_unreachable(const L1Url& data_url, uint64_t now_ms);
  /// The hosts that are left out together with that URL: "edge.test", or "*.data.edge.test".
  [[nodiscard]] std::string hosts_of(const L1Url& data_url) const;

 private:
  [[nodiscard]] std::string_view why_never(const L1Url& data_url) const;
  [[nodiscard]] bool is_own_host(const L1Url& data_url) const;
  [[nodiscard]] bool is_avoided(const std::string& hosts, uint64_t now_ms) const;

  const bool is_tls_;
  const bool is_named_;     ///< It is dialled by a name, not by an address.
  const std::string host_;  ///< A name in lower case, or the address.
  bool has_told_unused_ = false;
  /// Hosts that are left out, and until when; at most kDataDomainsMax. One beyond takes the place
  /// of that whose time ends first.
  std::map<std::string, uint64_t> avoided_;
};

/// The domain that the host's name is in, in lower case: what follows its first dot. Of what is no
/// host name the text, as it is.
[[nodiscard]] std::string domain_of(const L1Url& url);

}  // namespace daphnis::l2
