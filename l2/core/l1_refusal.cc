#include "l2/core/l1_refusal.h"

#include <simdjson.h>

namespace daphnis::l2 {
namespace {

constexpr std::string_view kTwoNodes =
    "another node uses this id: give each its own, by --id or by a store of its own";

std::string text_field(const simdjson::dom::object& body, const char* key) {
  std::string_view text;
  return body.at_key(key).get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

L1Refusal read_refusal(int status, std::optional<uint64_t> retry_after_ms, std::string_view body) {
  L1Refusal refusal{.status = status, .retry_after_ms = retry_after_ms};
  simdjson::dom::parser parser;
  simdjson::dom::object fields;
  if (parser.parse(body.data(), body.size()).get(fields) != simdjson::SUCCESS) return refusal;
  refusal.code = text_field(fields, "code");
  refusal.detail = text_field(fields, "detail");
  if (refusal.detail.empty()) refusal.detail = text_field(fields, "error");
  return refusal;
}

bool is_id_contested(const L1Refusal& refusal) {
  return refusal.code == "replaced_too_often";
}

bool is_id_contested(std::string_view end_reason) {
  return end_reason.starts_with("replaced by");
}

bool is_token_bad(const L1Refusal& refusal) {
  return refusal.code == "bad_token";
}

std::string_view advice_for(const L1Refusal& refusal) {
  if (is_token_bad(refusal)) {
    return "ask the operator of that edge for a new token, and put it into --token-file";
  }
  if (refusal.code == "token_needed") {
    return "ask the operator of that edge for a token, and name its file by --token-file";
  }
  if (is_id_contested(refusal)) return kTwoNodes;
  if (refusal.code == "id_in_use") {
    return "another address has this id: if that was this node's own, it is free within 20 "
           "seconds; else give each its own, by --id or by a store of its own";
  }
  if (refusal.code == "full") return "this edge takes no more L2s: name another one with --l1";
  if (refusal.code == "draining") return {};
  if (refusal.code == "odd_registration" || refusal.code == "odd_version")
    return "this L2 and the edge do not fit: update both";
  if (refusal.status >= 300 && refusal.status < 500 && refusal.status != 429) {
    return "no edge answers L2s like that: is this its client port? --l1 takes the port that "
           "daphnis-broker's --l2-listen names";
  }
  return {};
}

std::string_view advice_for(std::string_view end_reason) {
  if (is_id_contested(end_reason)) return kTwoNodes;
  if (end_reason == "it does not read its orders") {
    return "this machine or its line is too slow for what it is asked: lower --capacity";
  }
  return {};
}

}  // namespace daphnis::l2
