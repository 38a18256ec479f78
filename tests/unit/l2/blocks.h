#pragma once

#include <string>
#include <string_view>

#include "common/ipld/cid.h"
#include "l2/core/unixfs_encode.h"

namespace daphnis::test {

/// The CID of these bytes as a raw block.
inline Cid raw_cid(std::string_view bytes) {
  return l2::sha256_cid(codec::kRaw, as_bytes(bytes));
}

}  // namespace daphnis::test
