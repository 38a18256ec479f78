#include "broker/cache/cache_scan.h"

namespace daphnis::broker {

Result<Cid> root_of_tail(Bytes tail, uint64_t file_bytes, const RequestKey& key) {
  if (tail.size() < kCacheFooterBytes) return fail(Errc::kMalformed, "shorter than a footer");
  const auto footer = read_cache_footer(tail.last(kCacheFooterBytes), file_bytes);
  if (!footer) return std::unexpected(footer.error());
  const size_t wanted = footer->request_bytes + kCacheFooterBytes;
  if (wanted > tail.size()) return fail(Errc::kTruncated, "the request begins further in front");
  const auto request = decode_car_request(tail.last(wanted).first(footer->request_bytes));
  if (!request) return std::unexpected(request.error());
  if (key_of(*request) != key) return fail(Errc::kUnexpected, "it answers another request");
  return request->root;
}

}  // namespace daphnis::broker
