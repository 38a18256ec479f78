#include "common/ipld/cid_set.h"

#include <algorithm>

#include "common/base/varint.h"
#include "common/hash/sha256.h"

namespace daphnis {

CidKey::CidKey(const Cid& cid) : digest{}, kind(0) {
  constexpr uint64_t kSmall = 0xffff;
  const Bytes own = cid.digest();
  if (own.size() == digest.size() && cid.codec() <= kSmall && cid.hash_code() <= kSmall) {
    std::ranges::copy(own, digest.begin());
    kind = static_cast<uint32_t>(cid.codec() << 16 | cid.hash_code());
    return;
  }
  std::array<uint8_t, kVarintBytesMax + limits::kCidBytesMax> text;
  size_t size = write_varint(cid.codec(), text.data());
  size = static_cast<size_t>(std::ranges::copy(cid.multihash(), text.begin() + size).out -
                             text.begin());
  digest = sha256(Bytes(text).first(size));
}

size_t hash_bytes_after_insert(size_t size, size_t capacity, size_t slot_bytes) {
  const bool grows = size + 1 > capacity - capacity / 8;
  return (grows ? capacity * 2 + 1 : capacity) * (slot_bytes + 1);
}

bool CidSet::insert(const CidKey& key) {
  const size_t bytes = hash_bytes_after_insert(keys_.size(), keys_.capacity(), sizeof key);
  if (bytes > bytes_max_) return false;
  keys_.insert(key);
  return true;
}

}  // namespace daphnis
