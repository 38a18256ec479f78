#include "worker/gateway/negotiation.h"

#include <optional>
#include <string_view>
#include <vector>

#include "common/http/http_head.h"

namespace daphnis::worker {
namespace {

std::unexpected<http::Refusal> refuse(std::string_view code, std::string_view detail) {
  return std::unexpected(http::Refusal{400, code, detail});
}

/// A CAR's parameters as the client wrote them. Views into the head or the query.
struct CarParams {
  std::optional<std::string_view> version;
  std::optional<std::string_view> order;
  std::optional<std::string_view> dups;

  [[nodiscard]] bool any() const { return version || order || dups; }
};

/// One member of an Accept field.
struct MediaRange {
  std::string_view type;
  int quality = 1000;  ///< The q value in thousandths.
  CarParams params;
};

/// Parses a qvalue (RFC 9110 section 12.4.2) into thousandths.
std::optional<int> parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int quality = text[0] == '1' ? 1000 : 0;
  int weight = 100;
  for (char c : text.substr(text.size() > 1 ? 2 : 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    quality += (c - '0') * weight;
    weight /= 10;
  }
  return quality > 1000 ? std::nullopt : std::optional(quality);
}

/// Cuts `text` at its first ';' outside a quoted string and returns what stood before it, trimmed.
std::string_view cut_parameter(std::string_view& text) {
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size() && (quoted || text[at] != ';'); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted && text[at] == '\\') ++at;
  }
  at = std::min(at, text.size());
  const std::string_view first = http::trimmed(text.substr(0, at));
  text.remove_prefix(std::min(at + 1, text.size()));
  return first;
}

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

/// Parses one member. Nothing where its q value is malformed: such a member is passed over.
std::optional<MediaRange> parse_media_range(std::string_view member) {
  MediaRange range{.type = cut_parameter(member), .params = {}};
  while (!member.empty()) {
    const std::string_view parameter = cut_parameter(member);
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = http::trimmed(parameter.substr(0, equals));
    const std::string_view value = unquoted(http::trimmed(parameter.substr(equals + 1)));
    if (http::equals_ignoring_case(key, "q")) {
      const auto quality = parse_quality(value);
      if (!quality) return std::nullopt;
      range.quality = *quality;
    } else if (http::equals_ignoring_case(key, "version")) {
      range.params.version = value;
    } else if (http::equals_ignoring_case(key, "order")) {
      range.params.order = value;
    } else if (http::equals_ignoring_case(key, "dups")) {
      range.params.dups = value;
    }
  }
  return range;
}

std::vector<MediaRange> accepted(const http::Head& head) {
  std::vector<MediaRange> ranges;
  for (const http::Header& header : head.headers) {
    if (!http::equals_ignoring_case(header.name, "accept")) continue;
    for (std::string_view member : http::list_members(header.value)) {
      if (const auto range = parse_media_range(member)) ranges.push_back(*range);
    }
  }
  return ranges;
}

/// The variant of a CAR with these parameters, or why it cannot be sent.
std::expected<Variant, http::Refusal> car_with(const CarParams& params) {
  if (params.version && *params.version != "1") {
    return refuse("car_version_unsupported", "only CAR version 1 is served");
  }
  if (params.order && *params.order != "dfs" && *params.order != "unk") {
    return refuse("car_order_unsupported", "CARs are served in order dfs; unk takes any");
  }
  if (params.dups && *params.dups != "y" && *params.dups != "n") {
    return refuse("car_dups_unsupported", "dups is y or n");
  }
  return Variant{.format = AnswerFormat::kCar, .dups = params.dups == "y"};
}

std::optional<std::string_view> value_of(const http::Query& query, std::string_view key) {
  const std::string* value = query.find(key);
  return value ? std::optional<std::string_view>(*value) : std::nullopt;
}

/// Chooses among the members of Accept for one request.
class Chooser {
 public:
  explicit Chooser(const http::Query& query)
      : from_query_{.version = value_of(query, "car-version"),
                    .order = value_of(query, "car-order"),
                    .dups = value_of(query, "car-dups")} {}

  /// Chooses a CAR, which the query demands: Accept can only add parameters.
  [[nodiscard]] std::expected<Variant, http::Refusal> car(const std::vector<MediaRange>& ranges) {
    for (const MediaRange& range : ranges) {
      if (is_car(range)) offer_car(range, kNamed);
    }
    if (!best_ && refusal_) return std::unexpected(*refusal_);
    auto variant = best_ ? std::expected<Variant, http::Refusal>(*best_) : car_with(from_query_);
    if (variant) variant->accept_matters = !from_query_.dups;
    return variant;
  }

  /// Chooses the format that Accept prefers.
  [[nodiscard]] std::expected<Variant, http::Refusal> any(const std::vector<MediaRange>& ranges) {
    bool car_excluded = false;
    bool raw_excluded = false;
    for (const MediaRange& range : ranges) {
      car_excluded |= is_car(range) && range.quality == 0;
      raw_excluded |= is_raw(range) && range.quality == 0;
    }
    for (const MediaRange& range : ranges) {
      if (is_car(range)) offer_car(range, kNamed);
      if (is_raw(range)) offer_raw(range, kNamed);
      if (!is_wildcard(range)) continue;
      if (!car_excluded) {
        offer_car({.type = {}, .quality = range.quality, .params = {}}, kWildcard);
      } else if (!raw_excluded) {
        offer_raw(range, kWildcard);
      }
    }
    if (best_) {
      best_->accept_contributed = true;
      return *best_;
    }
    if (refusal_) return std::unexpected(*refusal_);
    return refuse("no_usable_format",
                  "ask for application/vnd.ipld.car or .raw by Accept, or format=car or raw");
  }

 private:
  enum Specificity { kWildcard = 0, kNamed = 1 };

  static bool is_car(const MediaRange& range) {
    return http::equals_ignoring_case(range.type, "application/vnd.ipld.car");
  }
  static bool is_raw(const MediaRange& range) {
    return http::equals_ignoring_case(range.type, "application/vnd.ipld.raw");
  }
  static bool is_wildcard(const MediaRange& range) {
    return range.type == "*/*" || http::equals_ignoring_case(range.type, "application/*");
  }

  void offer_car(const MediaRange& range, Specificity specificity) {
    const CarParams merged = {
        .version = from_query_.version ? from_query_.version : range.params.version,
        .order = from_query_.order ? from_query_.order : range.params.order,
        .dups = from_query_.dups ? from_query_.dups : range.params.dups};
    auto variant = car_with(merged);
    if (!variant) {
      if (!refusal_) refusal_ = variant.error();
      return;
    }
    variant->accept_contributed = (range.params.version && !from_query_.version) ||
                                  (range.params.order && !from_query_.order) ||
                                  (range.params.dups && !from_query_.dups);
    offer(*variant, range.quality, specificity);
  }

  void offer_raw(const MediaRange& range, Specificity specificity) {
    offer({.format = AnswerFormat::kRaw}, range.quality, specificity);
  }

  /// Keeps the best variant so far, and of equal ones the first.
  void offer(const Variant& variant, int quality, Specificity specificity) {
    const int rank = quality * 2 + specificity;
    if (quality == 0 || rank <= best_rank_) return;
    best_ = variant;
    best_rank_ = rank;
  }

  CarParams from_query_;
  std::optional<Variant> best_;
  int best_rank_ = 0;
  /// Why the first member that cannot be served is refused.
  std::optional<http::Refusal> refusal_;
};

}  // namespace

std::expected<Variant, http::Refusal> negotiate(const http::Head& head, const http::Query& query) {
  for (std::string_view key : {"format", "car-version", "car-order", "car-dups"}) {
    if (query.is_repeated(key)) {
      return refuse("repeated_parameter", "a query parameter comes more than once");
    }
  }
  const std::string* format = query.find("format");
  Chooser chooser(query);
  if (!format) return chooser.any(accepted(head));
  if (*format == "car") return chooser.car(accepted(head));
  if (*format == "raw") return Variant{.format = AnswerFormat::kRaw, .accept_matters = false};
  return refuse("unsupported_format", "the formats served are car and raw");
}

}  // namespace daphnis::worker
