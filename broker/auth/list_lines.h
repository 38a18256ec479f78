#pragma once

#include <string_view>

namespace daphnis::broker {

/// Calls `take(line, number)` for each line of a file that is not empty and does not begin with #,
/// without the white space at its ends; lines are counted from 1. Stops where `take` returns false.
template <class Take>
void each_line(std::string_view file, Take&& take) {
  constexpr std::string_view kWhite = " \t\r";
  for (size_t number = 1; !file.empty(); ++number) {
    const size_t end = file.find('\n');
    std::string_view line = file.substr(0, end);
    file = end == std::string_view::npos ? std::string_view() : file.substr(end + 1);
    const size_t first = line.find_first_not_of(kWhite);
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(kWhite) - first + 1);
    if (!take(line, number)) return;
  }
}

}  // namespace daphnis::broker
