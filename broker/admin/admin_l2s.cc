#include "broker/admin/admin_l2s.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "broker/registry/l2_states.h"
#include "broker/registry/ring.h"

namespace daphnis::broker {
namespace {

constexpr std::string_view kPrefix = "/l2s/";

std::string ms_text(std::optional<uint64_t> value) {
  return value ? std::to_string(*value) : "null";
}

/// How the L2 was let in, and for how many seconds its token is good.
void append_token(std::string& out, const L2& l2, L2AuthMode mode, uint64_t now_s) {
  const auto& token = l2.registration.token;
  fmt::format_to(std::back_inserter(out), R"("let_in":"{}","token_left_s":{},)",
                 token                          ? "token"
                 : l2.registration.is_certified ? "certificate"
                 : mode != L2AuthMode::kOpen    ? "exempt"
                                                : "open",
                 token ? std::to_string(token->until_s - std::min(token->until_s, now_s)) : "null");
}

/// The fields that say what is known of the L2.
void append_health(std::string& out, const L2& l2, uint64_t now_ms) {
  const Health& health = *l2.health;
  const OrderEnds ends = health.ends(now_ms);
  const bool is_ejected = health.is_ejected(now_ms);
  fmt::format_to(std::back_inserter(out),
                 R"("weight":{},"p50_ms":{},"p95_ms":{},"bytes_per_s":{},"share_failed":{:.3f},)"
                 R"("blocks_proven":{},"ejected":{},"ejected_ms":{},"probation":{})",
                 l2.weight, ms_text(health.first_byte().p50(now_ms)),
                 ms_text(health.first_byte().p95(now_ms)), ends.bytes_per_s(), ends.share_failed(),
                 health.blocks_proven(),
                 is_ejected ? fmt::format("\"{}\"", name(health.standing().reason())) : "null",
                 is_ejected ? health.standing().left_ms(now_ms) : 0,
                 health.is_on_probation() ? health.standing().successes_needed() : 0);
}

/// A whole number of seconds; nullopt: it is none, or not within the bounds.
std::optional<uint64_t> seconds_of(std::string_view text) {
  uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && seconds >= 1 && seconds <= kOperatorEjectionSMax ? std::optional(seconds)
                                                                      : std::nullopt;
}

std::optional<double> weight_of(std::string_view text) {
  double weight = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), weight, std::chars_format::fixed);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  const bool is_allowed = weight >= kL2WeightMin && weight <= kL2WeightMax;
  return is_whole && is_allowed ? std::optional(weight) : std::nullopt;
}

/// The L2's line of the list, as the command has left it.
CommandReply done(const L2& l2, uint64_t now_ms) {
  std::string body = fmt::format(R"({{"id":"{}",)", l2.id());
  append_health(body, l2, now_ms);
  return {200, kJson, body + "}\n"};
}

}  // namespace

std::string l2_list(const Broker& broker, uint64_t now_ms) {
  std::string out;
  broker.registrations().registry().for_each([&](const L2& l2) {
    fmt::format_to(
        std::back_inserter(out),
        R"({{"id":"{}","address":"{}","generation":"{}","capacity":{},"state":"{}",)"
        R"("in_flight":{},"given_up":{},"waiting":{},"unsent_bytes":{},"holdings":{},"session":{},)"
        R"("registered_ms":{},)"
        R"("orders":{},"complete":{},"not_found":{},"silent":{},"failed":{},"lied":{},)"
        R"("cancelled":{},"car_bytes":{},)",
        l2.id(), l2.address, generation_name(l2.capabilities()), l2.registration.capacity,
        name(state_of(l2, now_ms)), l2.places.attempts().size(), l2.places.given_up(),
        l2.waiting.size(), l2.unsent_bytes, broker.registrations().holdings().size_of(l2.no),
        l2.session, now_ms - l2.registered_ms, l2.tally.orders, l2.tally.complete,
        l2.tally.not_found, l2.tally.silent, l2.tally.failed, l2.tally.lied, l2.tally.cancelled,
        l2.tally.car_bytes);
    append_token(out, l2, broker.auth().mode(), broker.wall_s(now_ms));
    append_health(out, l2, now_ms);
    out += "}\n";
  });
  return out;
}

CommandReply l2_command(const http::Head& head, std::string_view path, Broker& broker,
                        uint64_t now_ms) {
  path.remove_prefix(kPrefix.size());
  const size_t slash = path.find('/');
  const std::string_view verb = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  if (verb != "eject" && verb != "readmit" && verb != "weight") {
    return {404, kText, "/l2s/ID/eject /l2s/ID/readmit /l2s/ID/weight\n"};
  }
  L2* l2 = broker.find_l2(path.substr(0, slash));
  if (!l2) return {404, kText, "no L2 of this id is registered\n"};
  if (verb == "readmit") {
    broker.readmit_l2(*l2, now_ms);
  } else if (verb == "eject") {
    const auto seconds = seconds_of(parameter(head.target, "seconds"));
    if (!seconds) return {400, kText, "write ?seconds=N, 1 to 2592000\n"};
    broker.eject_l2(*l2, *seconds * 1000, now_ms);
  } else {
    const auto weight = weight_of(parameter(head.target, "w"));
    if (!weight) return {400, kText, "write ?w=W, 0.25 to 4\n"};
    broker.set_weight(*l2, *weight);
  }
  return done(*l2, now_ms);
}

}  // namespace daphnis::broker
