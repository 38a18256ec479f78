#include "common/base/nearest.h"

#include <algorithm>
#include <numeric>

namespace daphnis {
namespace {

/// The Levenshtein distance, computed with one row of its table at a time.
size_t distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(std::string_view written, const std::vector<std::string>& known) {
  constexpr size_t kWrittenMax = 64;  // A longer text is no typo of a name.
  std::string nearest;
  size_t least = SIZE_MAX;
  if (written.size() > kWrittenMax) return nearest;
  for (const std::string& name : known) {
    const size_t away = distance(written, name);
    if (away >= least || away * 3 > name.size()) continue;
    least = away;
    nearest = name;
  }
  return nearest;
}

}  // namespace daphnis
