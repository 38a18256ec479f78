#pragma once

#include "common/base/slice.h"
#include "common/cachefile/cache_file.h"
#include "common/ipld/car.h"
#include "common/request/car_request.h"

namespace daphnis::worker {

/// Lists the blocks of a proven answer as it goes by, for a cached file's trailer. Looks at the
/// heads of its sections only. Owned by a Spool.
class BlockLister {
 public:
  explicit BlockLister(const CarRequest& request) : request_(request) {}

  /// The next bytes of the answer.
  void on_bytes(Bytes bytes);
  /// The trailer for an answer of just those bytes.
  [[nodiscard]] std::vector<uint8_t> finish() &&;
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  /// A block's hash is one for which another block may be as good.
  [[nodiscard]] bool has_forgeable() const { return has_forgeable_; }

 private:
  CarRequest request_;
  CarReader reader_;
  CacheTrailerWriter trailer_;
  bool has_forgeable_ = false;
  uint64_t bytes_ = 0;  ///< Looked at.
  uint64_t skip_ = 0;   ///< Of the body under way.
};

}  // namespace daphnis::worker
