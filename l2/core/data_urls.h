#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "l2/core/l1_url.h"

namespace daphnis::l2 {

/// Decides which data URLs of an L1's orders are used (docs/protocol-l2.md, "To the worker
/// itself"). Only names below the host of an L1 that TLS is spoken with are, so that an L1 cannot
/// send its L2s to anybody else: those names are its owner's, and who is reached must show a
/// certificate for them. Where one cannot be reached, all names beside it are left out for a while,
/// since each worker has a name of its own. Owned by the client of that L1.
class DataUrls {
 public:
  explicit DataUrls(const L1Url& l1);

  [[nodiscard]] bool may_use(const L1Url& data_url, uint64_t now_ms) const;
  /// Why that URL is never used, in words for the log. Empty: it may be; or why was said before,
  /// since it holds for other orders of the L1 as well.
  [[nodiscard]] std::string_view news_of_unused(const L1Url& data_url);
  /// The URL could not be reached: those beside it are not used for kDataUrlAvoidMs. False: they
  /// were left out already, so there is no news.
  bool on_unreachable(const L1Url& data_url, uint64_t now_ms);

 private:
  [[nodiscard]] std::string_view why_never(const L1Url& data_url) const;
  [[nodiscard]] bool is_avoided(const std::string& domain, uint64_t now_ms) const;

  std::string below_;          ///< How the names end that may be used.
  std::string_view why_none_;  ///< Why none may be; empty: those may.
  bool has_told_unused_ = false;
  /// Domains whose names are left out, and until when; at most kDataDomainsMax. One beyond takes
  /// the place of that whose time ends first.
  std::map<std::string, uint64_t> avoided_;
};

/// The domain that the host's name is in, in lower case: what follows its first dot. Of what is no
/// host name the text, as it is.
[[nodiscard]] std::string domain_of(const L1Url& url);

}  // namespace daphnis::l2
