#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/settings.h"

namespace daphnis::broker {

/// The tries of a fetch: the failures that it may still cost (DESIGN 2, step 8): so many without
/// progress since, and so many in all. Owned by its fetch.
class Tries {
 public:
  /// An attempt failed, was silent or lied.
  void count() {
    ++failures_;
    ++failures_in_all_;
  }
  /// An attempt failed by nobody's fault; there may be only so many of these in all.
  void count_in_all() { ++failures_in_all_; }
  /// An attempt has brought so many bytes of output that no other had brought before.
  void add_progress(uint64_t bytes, const Settings& settings) {
    progress_bytes_ += bytes;
    if (progress_bytes_ < settings.progress_bytes_min) return;
    progress_bytes_ = 0;
    failures_ = 0;
  }
  /// True where the fetch may ask no further L2. `late` is the number of its late orders, each of
  /// which will most likely be one more failure.
  [[nodiscard]] bool are_used_up(size_t late, const Settings& settings) const {
    return failures_ + late >= settings.tries_max ||
           failures_in_all_ + late >= settings.failures_max;
  }

 private:
  size_t failures_ = 0;          ///< Since the last progress.
  uint64_t progress_bytes_ = 0;  ///< Since the last progress that counted.
  size_t failures_in_all_ = 0;
};

}  // namespace daphnis::broker
