#include "common/base/byte_size.h"

#include <charconv>
#include <string>

namespace daphnis {
namespace {

/// The power of two that a unit in lower case stands for; -1 where the text is no unit.
int shift_of(std::string_view unit) {
  if (unit.empty() || unit == "b") return 0;
  const std::string_view rest = unit.substr(1);
  if (!rest.empty() && rest != "b" && rest != "i" && rest != "ib") return -1;
  const size_t at = std::string_view("kmgtpe").find(unit[0]);
  return at == std::string_view::npos ? -1 : 10 * static_cast<int>(at + 1);
}

}  // namespace

bool parse_byte_size(std::string_view text, uint64_t& bytes) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::string unit;
  for (const char c : text) unit.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  const int shift = shift_of(unit);
  if (shift < 0 || number > UINT64_MAX >> shift) return false;
  bytes = number << shift;
  return true;
}

std::string byte_size_text(uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGTPE";
  size_t unit = 0;
  while (unit < kUnits.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + (unit == 0 ? "" : std::string(1, kUnits[unit - 1]));
}

}  // namespace daphnis
