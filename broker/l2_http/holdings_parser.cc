#include "broker/l2_http/holdings_parser.h"

#include <simdjson.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::broker {

struct HoldingsParser::Json {
  // The capacity bounds the memory to one line; simdjson refuses longer and deeper ones by itself.
  simdjson::dom::parser parser{limits::kHoldingsLineBytesMax};
};

HoldingsParser::HoldingsParser() : json_(std::make_unique<Json>()) {
  const auto error =
      json_->parser.allocate(limits::kHoldingsLineBytesMax, limits::kHoldingsDepthMax);
  check(error == simdjson::SUCCESS, "no memory for a JSON line");
}
HoldingsParser::~HoldingsParser() = default;
HoldingsParser::HoldingsParser(HoldingsParser&&) noexcept = default;
HoldingsParser& HoldingsParser::operator=(HoldingsParser&&) noexcept = default;

void HoldingsParser::feed(Bytes bytes, const OnRoot& on_root) {
  std::string_view rest = as_text(bytes);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view part = rest.substr(0, end);
    if (!is_passing_over_ && held_.size() + part.size() > limits::kHoldingsLineBytesMax) {
      is_passing_over_ = true;
      is_complete_.reset();
      ++junk_;
      held_.clear();
    }
    if (!is_passing_over_) held_.append(part);
    if (end == std::string_view::npos) return;
    if (!is_passing_over_) take_line(std::exchange(held_, {}), on_root);
    is_passing_over_ = false;
    rest.remove_prefix(end + 1);
  }
}

void HoldingsParser::finish(const OnRoot& on_root) {
  if (!is_passing_over_) take_line(std::exchange(held_, {}), on_root);
  is_passing_over_ = false;
}

void HoldingsParser::take_line(std::string_view line, const OnRoot& on_root) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  is_complete_.reset();  // It was not the last line.
  simdjson::dom::object object;
  if (json_->parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS) {
    ++junk_;
    return;
  }
  for (const auto& field : object) {
    if (field.key == "add" || field.key == "remove") {
      take_roots(field.key == "add" ? Verb::kAdd : Verb::kRemove, field.value, on_root);
    } else if (field.key == "complete") {
      bool is_complete = false;
      const bool is_sound = field.value.get(is_complete) == simdjson::SUCCESS;
      if (is_sound) is_complete_ = is_complete;
      if (!is_sound) ++junk_;
    }  // A later version may have more keys.
  }
}

template <class Value>
void HoldingsParser::take_roots(Verb verb, const Value& value, const OnRoot& on_root) {
  simdjson::dom::array roots;
  if (value.get(roots) != simdjson::SUCCESS) {
    ++junk_;
    return;
  }
  for (const simdjson::dom::element element : roots) {
    std::string_view text;
    const bool is_text = element.get(text) == simdjson::SUCCESS;
    const auto cid = is_text ? Cid::from_text(text) : Result<Cid>(fail(Errc::kMalformed));
    if (cid) {
      on_root(verb, *cid);
    } else {
      ++junk_;
    }
  }
}

}  // namespace daphnis::broker
