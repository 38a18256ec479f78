#include <openssl/sha.h>

#include <algorithm>
#include <vector>

#include "broker/cache/cache_snapshot.h"
#include "common/base/check.h"

using namespace daphnis;

namespace {

constexpr size_t kHeadBytes = 16;
constexpr size_t kFrameHeadBytes = 40;

uint32_t number_at(Bytes bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

/// Corrects the digests, since the reader would stop at a wrong one.
void make_digests_hold(std::span<uint8_t> bytes) {
  if (bytes.size() < kHeadBytes) return;
  bytes = bytes.subspan(kHeadBytes);
  while (bytes.size() >= kFrameHeadBytes) {
    const size_t rows = number_at(bytes);
    if (rows > bytes.size() - kFrameHeadBytes) return;
    SHA256(bytes.data() + kFrameHeadBytes, rows, bytes.data() + 8);
    bytes = bytes.subspan(kFrameHeadBytes + rows);
  }
}

}  // namespace

/// Reads snapshots of the cache's index that a disk has damaged.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  make_digests_hold(bytes);
  const broker::CacheSnapshot snapshot(bytes);
  for (size_t at = 0; at + sizeof(RequestKey) <= bytes.size(); ++at) {
    RequestKey key;
    std::ranges::copy(Bytes(bytes).subspan(at, key.size()), key.begin());
    const auto entry = snapshot.find(key);
    check(!entry || entry->key == key, "an entry is found by its key");
  }
  return 0;
}
