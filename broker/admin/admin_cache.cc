#include "broker/admin/admin_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/base/byte_size.h"
#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"

namespace daphnis::broker {
namespace {

CommandReply purge(std::string_view target, Broker& broker) {
  Cache::Removed removed;
  if (parameter(target, "all") == "1") {
    removed = broker.cache().purge_all();
  } else {
    const auto root = Cid::from_text(parameter(target, "cid"));
    if (!root) return {400, kText, "write ?cid=CID or ?all=1\n"};
    removed = broker.cache().purge(*root);
  }
  return {200, kJson,
          fmt::format(R"({{"removed":{},"bytes":{}}})"
                      "\n",
                      removed.entries, removed.bytes)};
}

CommandReply set_limit(std::string_view target, Broker& broker) {
  uint64_t bytes = 0;
  if (!parse_byte_size(parameter(target, "bytes"), bytes)) {
    return {400, kText, "write ?bytes=SIZE, with K, M, G or T\n"};
  }
  broker.cache().set_limit(bytes);
  return {200, kJson,
          fmt::format(R"({{"limit":{},"charged":{}}})"
                      "\n",
                      bytes, broker.cache().index()->charged_bytes())};
}

/// Adds each line's CID to the warmer; a line that is no CID counts as refused.
CommandReply warm(std::string_view body, Broker& broker) {
  size_t accepted = 0;
  size_t held = 0;
  size_t refused = 0;
  while (!body.empty()) {
    const size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const auto root = Cid::from_text(line);
    const auto added = root ? broker.warmer().add(*root) : Warmer::Added::kRefused;
    accepted += added == Warmer::Added::kAccepted ? 1 : 0;
    held += added == Warmer::Added::kHeld ? 1 : 0;
    refused += added == Warmer::Added::kRefused ? 1 : 0;
  }
  return {200, kJson,
          fmt::format(R"({{"accepted":{},"held":{},"refused":{}}})"
                      "\n",
                      accepted, held, refused)};
}

}  // namespace

CommandReply cache_command(const http::Head& head, std::string_view path, std::string_view body,
                           Broker& broker) {
  if (!broker.cache().exists()) return {404, kText, "this edge has no cache\n"};
  if (path == "/cache/purge") return purge(head.target, broker);
  if (path == "/cache/limit") return set_limit(head.target, broker);
  if (path == "/cache/warm") return warm(body, broker);
  return {404, kText, "/cache/purge /cache/limit /cache/warm\n"};
}

std::string cache_list(const Broker& broker, uint64_t& cursor) {
  const CacheIndex* index = broker.cache().index();
  std::string out;
  if (!index) return out;
  cursor = index->visit(cursor, limits::kCacheListEntries, [&](const CacheEntry& entry) {
    // The name of a file is "ab/" and the key in hexadecimal digits.
    fmt::format_to(std::back_inserter(out),
                   R"({{"key":"{}","root":"{}","size":{},"stored":{},"idle_s":{},"hits":{},)"
                   R"("unproven_h":{}}})"
                   "\n",
                   std::string_view(cache_file_name(entry.key)).substr(3), entry.root.text(),
                   entry.size, entry.stored_s, entry.idle_s, entry.hits,
                   entry.unproven_h == CacheEntry::kNeverHours ? std::string("null")
                                                               : std::to_string(entry.unproven_h));
  });
  return out;
}

}  // namespace daphnis::broker
