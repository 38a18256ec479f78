#include "common/core/byte_size.h"

#include <charconv>

namespace daphnis {

bool parse_byte_size(std::string_view text, uint64_t& bytes) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  unsigned shift = 0;
  if (unit.size() > 1) return false;
  if (unit.size() == 1) {
    constexpr std::string_view kUnits = "KMGTkmgt";
    const size_t at = kUnits.find(unit[0]);
    if (at == std::string_view::npos) return false;
    shift = 10 * static_cast<unsigned>(at % 4 + 1);
  }
  if (number > UINT64_MAX >> shift) return false;
  bytes = number << shift;
  return true;
}

}  // namespace daphnis
