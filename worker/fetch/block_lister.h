#pragma once

#include "common/base/slice.h"
#include "common/cachefile/cache_file.h"
#include "common/ipld/car.h"
#include "common/request/car_request.h"

namespace daphnis::worker {

/// Lists the blocks of a proven answer as its bytes go by, for a cached file's trailer. Parses the
/// heads of the answer's sections and skips their bodies. Owned by a Spool.
class BlockLister {
 public:
  explicit BlockLister(const CarRequest& request) : request_(request) {}

  /// Takes the next bytes of the answer.
  void on_bytes(Bytes bytes);
  /// The trailer for an answer of exactly the bytes taken.
  [[nodiscard]] std::vector<uint8_t> finish() &&;
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  /// True where a block's hash can be forged, so that another block may prove as well.
  [[nodiscard]] bool has_forgeable() const { return has_forgeable_; }

 private:
  CarRequest request_;
  CarReader reader_;
  CacheTrailerWriter trailer_;
  bool has_forgeable_ = false;
  uint64_t bytes_ = 0;  ///< Bytes taken.
  uint64_t skip_ = 0;   ///< Bytes left of the body that is being skipped.
};

}  // namespace daphnis::worker
