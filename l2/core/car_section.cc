#include "l2/core/car_section.h"

#include <algorithm>

#include "common/base/varint.h"
#include "common/ipld/car.h"

namespace daphnis::l2 {
namespace {

/// How much of an error's text is shown in a line of the log.
constexpr size_t kShownBytes = 200;

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

}  // namespace

CarSection read_car_section(Bytes start, uint64_t left) {
  using Kind = CarSection::Kind;
  const auto length = read_varint(start);
  if (!length && length.error() == Errc::kTruncated) {
    return {.kind = Kind::kCut, .why = "the end cuts a section's length"};
  }
  if (!length) return {.kind = Kind::kNoSection, .why = "what follows is no section"};
  if (length->value == 0) return {.kind = Kind::kPadding, .size = 1};

  const uint64_t size = length->size + length->value;
  const bool is_cut = size > left;
  const Bytes rest = start.subspan(length->size);
  const auto prefix = Cid::prefix_of(rest.first(std::min<uint64_t>(rest.size(), length->value)));
  if (!prefix) {
    if (!is_cut) return {.kind = Kind::kOdd, .size = size, .why = why_no_cid(prefix.error())};
    if (prefix.error() == Errc::kTruncated)
      return {.kind = Kind::kCut, .why = "the end cuts a CID"};
    return {.kind = Kind::kNoSection, .why = "what follows is no section"};
  }
  if (is_cut) return {.kind = Kind::kCut, .why = "the end cuts a block"};
  if (length->value - prefix->size > limits::kBlockBytesMax) {
    return {.kind = Kind::kOdd, .size = size, .why = "a block is larger than 2 MiB"};
  }
  return {.kind = Kind::kBlock,
          .size = size,
          .head_size = length->size + prefix->size,
          .cid = prefix->cid};
}

void CarFlaws::note(uint64_t offset, std::string_view why, uint64_t bytes) {
  if (!first) first = Flaw{offset, why};
  passed_over_bytes += bytes;
}

std::optional<std::string> what_else_it_is(Bytes start) {
  const std::string_view text = trimmed(as_text(start));
  // A single '<' or '{' may also be the length (60 or 123 bytes) of a CAR's header.
  const bool is_html =
      text.size() > 1 && text[0] == '<' &&
      (text[1] == '!' || (text[1] >= 'A' && text[1] <= 'Z') || (text[1] >= 'a' && text[1] <= 'z'));
  const bool is_json = text.starts_with('{') && trimmed(text.substr(1)).starts_with('"');
  if (!is_html && !is_json) return std::nullopt;
  std::string shown(text.substr(0, std::min(text.find_first_of("\r\n"), kShownBytes)));
  std::ranges::replace_if(
      shown, [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return std::string(is_html ? "an HTML page" : "a JSON text") +
         ", probably an error that was saved in place of a CAR: " + shown;
}

}  // namespace daphnis::l2
