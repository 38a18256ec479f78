#include "common/base/limits.h"
#include "l2/core/order.h"

namespace daphnis::l2 {

void LineSplitter::reset() {
  held_.clear();
  is_passing_over_ = false;
}

void LineSplitter::take(std::string_view part,
                        const std::function<void(std::string_view)>& on_line) {
  std::string_view line = part;
  if (!held_.empty()) {
    held_.append(part);
    line = held_;
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!line.empty()) on_line(line);
  held_.clear();
}

void LineSplitter::feed(Bytes bytes, const std::function<void(std::string_view)>& on_line) {
  std::string_view rest = as_text(bytes);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view part = rest.substr(0, end);
    const bool fits = held_.size() + part.size() <= limits::kOrderLineBytesMax;
    if (!is_passing_over_ && !fits) {
      is_passing_over_ = true;
      ++too_long_;
      held_ = {};
    }
    if (end == std::string_view::npos) {
      if (!is_passing_over_) held_.append(part);
      return;
    }
    if (!is_passing_over_) take(part, on_line);
    is_passing_over_ = false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace daphnis::l2
