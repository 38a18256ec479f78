#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/logfmt.h"

namespace daphnis::worker {

inline constexpr size_t kSourcesNamedMax = 16;  ///< L2s of one fetch that its access lines name.

/// The L2s whose bytes a fetch's output is made of, for access lines. Owned by the Fetch.
class UsedSources {
 public:
  /// The output's next bytes came from this L2. Counts where the bytes before came from another.
  void add(const std::string& l2_id) {
    if (l2_id == last_) return;
    last_ = l2_id;
    ++count_;
    if (is_cut_) return;
    if (count_ == 1) {
      names_ = l2_id;
    } else if (count_ <= kSourcesNamedMax &&
               names_.size() + 1 + l2_id.size() + kMore.size() <= LogLine::kValueBytesMax) {
      names_.append(",").append(l2_id);
    } else {
      names_ += kMore;
      is_cut_ = true;
    }
  }
  /// The output begins anew.
  void clear() { *this = {}; }

  /// The L2 of the output's last bytes; empty where there are none.
  [[nodiscard]] const std::string& last() const { return last_; }
  /// The ids with commas between, in the sequence of their bytes, where there is more than one;
  /// else empty. An L2 stands there again for bytes that come behind another's. At most
  /// kSourcesNamedMax whole ids, and not more than a value of a log line holds; where there are
  /// more, ",…" follows.
  [[nodiscard]] std::string_view names() const {
    return count_ > 1 ? std::string_view(names_) : std::string_view();
  }

 private:
  static constexpr std::string_view kMore = ",…";

  std::string names_;
  std::string last_;
  size_t count_ = 0;
  bool is_cut_ = false;
};

}  // namespace daphnis::worker
