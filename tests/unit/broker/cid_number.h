#pragma once

#include <cstdint>
#include <vector>

#include "common/ipld/cid.h"

namespace daphnis::broker {

/// The CID number `n`: raw, sha2-256, with a digest made of `n`.
inline Cid cid_number(uint64_t n) {
  std::vector<uint8_t> digest(32);
  for (size_t i = 0; i < 8; ++i) digest[i] = static_cast<uint8_t>(n >> (8 * i));
  return *Cid::v1(codec::kRaw, 0x12, digest);
}

}  // namespace daphnis::broker
