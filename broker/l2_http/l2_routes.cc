#include <fmt/format.h>

#include <utility>

#include "broker/base/data_addresses.h"
#include "broker/l2_http/l2_server.h"
#include "broker/l2_http/web_pages.h"
#include "common/http/http_head.h"
#include "common/http/http_replies.h"
#include "common/http/http_writer.h"
#include "common/request/delivery_replies.h"

/// The part of the server that decides what an L2's messages mean (DESIGN 3.1).
namespace daphnis::broker {
namespace {

/// True where `said` is the L2's session key. The time taken does not tell how much of a wrong key
/// is right.
bool is_key_of(std::string_view said, const L2& l2) {
  const auto key = parse_uuid(said);
  if (!key || said.size() != 32) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < key->size(); ++i) difference |= unsigned{(*key)[i]} ^ l2.session_key[i];
  return difference == 0;
}

constexpr std::string_view kBadToken = "bad_token";

struct Reason {
  std::string_view code;
  std::string_view detail;
};

Reason reason_of(Registry::Refusal refusal) {
  switch (refusal) {
    case Registry::Refusal::kFull:
      return {"full", "this L1 has as many L2s as it takes"};
    case Registry::Refusal::kAddressFull:
      return {"address_full", "this L1 has as many L2s of your address as it takes"};
    case Registry::Refusal::kInUse:
      return {"id_in_use", "another address has this id, and its connection lives"};
    case Registry::Refusal::kNotOwner:
      return {"id_in_use", "who has this id has shown a token for it"};
    case Registry::Refusal::kTooMany:
      return {"too_many", "too many L2s register at this L1 at the moment"};
    case Registry::Refusal::kTooSoon:
      break;
  }
  return {"replaced_too_often", "another connection took this id a moment ago"};
}

}  // namespace

bool L2Server::on_head(L2Connection& connection, Bytes rest, uint64_t now_ms) {
  // Registrations get a 403 as well, since no deployed node sends these fields.
  const auto& origins = context_.settings.l2_origins;
  if (is_from_web_page(connection.head(), origins) || is_from_browser(connection.head(), origins)) {
    ++context_.counters.web_pages_refused;
    return end_with(connection, 403, "not_for_web_pages", "this port is not for web pages", now_ms);
  }
  L2Target target = read_target(connection.head());
  if (auto* registration = std::get_if<RegisterTarget>(&target)) {
    open_registration(connection, std::move(*registration), now_ms);
    return false;
  }
  if (const auto* odd = std::get_if<OddRegistration>(&target)) {
    const uint32_t retry_after_s =
        odd->is_lasting ? limits::kLongRetryAfterS : context_.settings.retry_after_s;
    refuse_registration(connection, 503, odd->code, odd->detail, retry_after_s, now_ms);
    return false;
  }
  if (const auto* data = std::get_if<DataTarget>(&target)) {
    return take_delivery(connection, *data, rest, now_ms);
  }
  if (const auto* holdings = std::get_if<HoldingsTarget>(&target)) {
    return begin_holdings(connection, holdings->l2_id, now_ms);
  }
  return end_with(connection, std::get<NoTarget>(target), now_ms);
}

namespace {

/// The least time between two times that an L2, and the log, are told of another that asks for its
/// id.
constexpr uint64_t kContestToldMs = 60'000;

}  // namespace

void L2Server::tell_contest(L2& l2, const std::string& address, std::string_view reason,
                            uint64_t now_ms) {
  if (l2.contest_told_ms != 0 && now_ms - l2.contest_told_ms < kContestToldMs) return;
  l2.contest_told_ms = now_ms;
  context_.out.log(LogLevel::kWarn, LogLine("l2_contested")
                                        .add("l2", l2.id())
                                        .add("address", l2.address)
                                        .add("refused_address", address)
                                        .add("reason", reason)
                                        .add("advice", "two nodes use this id: give each its own"));
  registrations_.tell_contested(l2, reason, now_ms);
}

void L2Server::open_registration(L2Connection& connection, RegisterTarget&& target,
                                 uint64_t now_ms) {
  if (is_draining_) {
    refuse_registration(connection, "draining", "this L1 is going away", now_ms);
    return;
  }
  Registration& registration = target.registration;
  L2* old = registrations_.registry().find(registration.l2_id);
  if (const auto fault = judge(connection, registration, now_ms)) {
    if (old) tell_contest(*old, connection.address, kBadToken, now_ms);
    refuse_token(connection, registration, *fault, now_ms);
    return;
  }
  auto line = std::make_unique<NdjsonLine>(context_.out, *this, connection.id, target.framing,
                                           registration.capabilities);
  auto opened =
      registrations_.open(std::move(registration), std::move(line), connection.address, now_ms);
  if (!opened) {
    const bool is_contest = opened.error() == Registry::Refusal::kTooSoon ||
                            opened.error() == Registry::Refusal::kInUse ||
                            opened.error() == Registry::Refusal::kNotOwner;
    const Reason why = reason_of(opened.error());
    if (is_contest) tell_contest(*old, connection.address, why.code, now_ms);
    refuse_registration(connection, why.code, why.detail, now_ms);
    return;
  }
  connection.state = L2Connection::State::kRegistered;
  connection.drained_bytes = 0;
  connection.l2 = opened->l2->no;
  context_.timers.clear(connection.timer, TimerKind::kConnection,
                        static_cast<uint64_t>(connection.id));
  dispatcher_.on_registered();
  if (!opened->replaced) return;
  // Orders on the former connection may never have arrived.
  dispatcher_.on_registration_lost(*opened->l2, now_ms);
  opened->replaced->end("replaced by a newer connection", now_ms);
}

std::optional<TokenFault> L2Server::judge(const L2Connection& connection,
                                          Registration& registration, uint64_t now_ms) const {
  registration.over_tls = connection.over_tls;
  const std::string* host = connection.head().find("Host");
  if (host && host->size() <= kDialledHostBytesMax) {
    registration.dialled_host = http::uri_host(*host);
  }
  if (context_.auth.mode() == L2AuthMode::kCertificate) {
    const auto proven =
        context_.auth.judge_certificate(registration.l2_id, connection.certified_id);
    if (!proven) return proven.error();
    registration.is_certified = *proven;
    return std::nullopt;
  }
  auto token = context_.auth.judge(registration.l2_id, connection.head().find("Authorization"),
                                   context_.wall_s(now_ms));
  if (!token) return token.error();
  registration.token = std::move(*token);
  return std::nullopt;
}

/// A deployed node would never come back after a 4xx, and none of them sends an Authorization.
void L2Server::refuse_token(L2Connection& connection, const Registration& registration,
                            TokenFault fault, uint64_t now_ms) {
  ++context_.counters.tokens_refused[static_cast<size_t>(fault)];
  const bool has_shown = connection.head().find("Authorization") != nullptr;
  const bool may_be_told = has_shown && speaks_v2(registration.capabilities);
  refuse_registration(connection, may_be_told ? 403 : 503, has_shown ? kBadToken : "token_needed",
                      detail_of(fault), limits::kLongRetryAfterS, now_ms);
  if (!context_.out.logs(LogLevel::kDebug)) return;
  context_.out.log(LogLevel::kDebug, LogLine("l2_token_refused")
                                         .add("l2", registration.l2_id)
                                         .add("address", connection.address)
                                         .add("reason", name(fault)));
}

void L2Server::refuse_registration(L2Connection& connection, std::string_view code,
                                   std::string_view detail, uint64_t now_ms) {
  refuse_registration(connection, 503, code, detail, context_.settings.retry_after_s, now_ms);
}

void L2Server::refuse_registration(L2Connection& connection, int status, std::string_view code,
                                   std::string_view detail, uint32_t retry_after_s,
                                   uint64_t now_ms) {
  ++context_.counters.registrations_refused;
  if (context_.out.logs(LogLevel::kDebug)) {
    context_.out.log(
        LogLevel::kDebug,
        LogLine("registration_refused").add("address", connection.address).add("reason", code));
  }
  end_with(connection, status, code, detail, retry_after_s, now_ms);
}

bool L2Server::take_delivery(L2Connection& connection, const DataTarget& target, Bytes rest,
                             uint64_t now_ms) {
  connection.drains_car = true;
  const bool is_anonymous = !target.attempt_id;
  const std::optional<Uuid> id =
      is_anonymous ? dispatcher_.only_attempt(connection.address, target.root) : target.attempt_id;
  if (!id) {
    ++context_.counters.deliveries_malformed;
    return end_with(connection, 400, "no_request_id",
                    "without an id there must be exactly one order for this CID out to you",
                    now_ms);
  }
  if (const L2* asked = dispatcher_.asked_of(*id)) {
    if (asked->registration.over_tls && !connection.over_tls) {
      ++context_.counters.deliveries_in_clear;
      return end_with(connection, delivery_replies::kInClear, now_ms);
    }
    if (asked->registration.is_certified && connection.certified_id != asked->id()) {
      ++context_.counters.deliveries_of_others;
      return end_with(connection, delivery_replies::kOtherL2, now_ms);
    }
  }
  if (target.acknowledges_cancel &&
      dispatcher_.settle(*id, Registrations::Answer::kAcknowledges, now_ms)) {
    return take_cancelled(connection, now_ms);
  }
  context_.counters.deliveries_without_id += is_anonymous ? 1 : 0;
  const auto decision =
      dispatcher_.on_delivery(*id, target.root, target.not_found, is_anonymous, now_ms);
  switch (decision.verdict) {
    case Dispatcher::Verdict::kHandOff:
      return hand_off(connection, *id, decision.attempt->worker(), rest, now_ms);
    case Dispatcher::Verdict::kNotFound:
      connection.state = L2Connection::State::kNotFound;
      arm(connection, now_ms + context_.settings.head_ms);
      return true;
    case Dispatcher::Verdict::kWrongRoot:
      return end_with(connection, delivery_replies::kWrongRoot, now_ms);
    case Dispatcher::Verdict::kUnknown:
      return end_with(connection, delivery_replies::kUnknown, now_ms);
    case Dispatcher::Verdict::kDelivered:
      return end_with(connection, delivery_replies::kDelivered, now_ms);
    case Dispatcher::Verdict::kCancelled:
      return take_cancelled(connection, now_ms);
  }
  return false;
}

bool L2Server::take_cancelled(L2Connection& connection, uint64_t now_ms) {
  const http::Head& head = connection.head();
  const bool is_small = head.content_length && *head.content_length <= limits::kReadOutBytesMax;
  if (!is_small || head.expects_continue) return end_cancelled(connection, now_ms);
  connection.state = L2Connection::State::kReadOut;
  arm(connection, now_ms + context_.settings.linger_ms);
  return true;
}

bool L2Server::end_cancelled(L2Connection& connection, uint64_t now_ms) {
  return end_with(connection, delivery_replies::kCancelled, now_ms);
}

bool L2Server::hand_off(L2Connection& connection, const Uuid& attempt_id, WorkerId worker,
                        Bytes rest, uint64_t now_ms) {
  if (!workers_.take_handoff_place(worker)) {
    dispatcher_.refuse_hand_off(attempt_id, now_ms);
    return end_with(connection, 503, "busy", "too many answers wait for their worker", now_ms);
  }
  ipc::Handoff message = dispatcher_.hand_off(attempt_id, now_ms);
  message.cookie = connection.cookie;
  message.received = connection.received(rest);
  message.address = connection.address;
  context_.out.push(HandOff{connection.id, worker, std::move(message)});
  forget(connection);
  return false;
}

bool L2Server::begin_holdings(L2Connection& connection, const std::string& l2_id, uint64_t now_ms) {
  const L2* l2 = registrations_.registry().find(l2_id);
  if (!l2) return end_with(connection, 404, "not_registered", "register first", now_ms);
  const std::string* said = connection.head().find("Daphnis-Session");
  const bool has_key = said && is_key_of(*said, *l2);
  if (said && !has_key) {
    return end_with(connection, 403, "wrong_session",
                    "Daphnis-Session is not what this id's registration was answered with", now_ms);
  }
  // An L2 that has proven its id is not spoken for by its neighbours.
  if (!has_key && l2->is_proven()) {
    return end_with(connection, 403, "session_needed",
                    "an L2 with a token announces with its Daphnis-Session", now_ms);
  }
  // Without the key, the address at least keeps strangers elsewhere from speaking for an L2.
  if (!has_key && l2->address != connection.address) {
    return end_with(connection, 403, "other_address",
                    "announce from the registered address, or with Daphnis-Session", now_ms);
  }
  connection.state = L2Connection::State::kHoldings;
  connection.l2 = l2->no;
  connection.session = l2->session;
  connection.may_remove = has_key;
  connection.has_tried_remove = false;
  connection.holdings.emplace();
  connection.holdings_added = connection.holdings_removed = 0;
  if (connection.head().expects_continue) {
    say(connection, std::string(http::kContinue));
  }
  arm(connection, now_ms + context_.settings.body_ms);
  return true;
}

bool L2Server::on_body(L2Connection& connection, Bytes body, uint64_t now_ms) {
  if (connection.state == L2Connection::State::kReadOut) {
    context_.counters.drained_bytes += body.size();
    return true;
  }
  if (connection.state == L2Connection::State::kNotFound) {
    context_.counters.car_bytes_through_broker += body.size();
    return end_with(connection, delivery_replies::kBodyNotEmpty, now_ms);
  }
  if (connection.body_bytes > limits::kHoldingsBodyBytesMax) {
    return end_with(connection, 413, "too_large", "announce holdings in smaller parts", now_ms);
  }
  connection.holdings->feed(body, [&](HoldingsParser::Verb verb, const Cid& root) {
    take_root(connection, verb, root, now_ms);
  });
  return !connection.has_tried_remove || refuse_removal(connection, now_ms);
}

void L2Server::on_end(L2Connection& connection, uint64_t now_ms) {
  if (connection.state == L2Connection::State::kNotFound) {
    say(connection, http::reply_ok(delivery_replies::kNotFoundTakenBody));
  } else if (connection.state == L2Connection::State::kReadOut) {
    ++context_.counters.deliveries_read_out;
    const BadTarget& what = delivery_replies::kCancelled;
    say(connection, http::reply(what.status, what.code, what.detail,
                                connection.head().keep_alive ? http::Connection::kKeep
                                                             : http::Connection::kClose,
                                context_.settings.retry_after_s));
  } else if (connection.state == L2Connection::State::kHoldings) {
    connection.holdings->finish([&](HoldingsParser::Verb verb, const Cid& root) {
      take_root(connection, verb, root, now_ms);
    });
    if (connection.has_tried_remove) {
      refuse_removal(connection, now_ms);
      return;
    }
    count_junk_lines(connection);
    take_completeness(connection);
    say(connection, http::reply_ok(fmt::format(
                        R"({{"added":{},"removed":{},"junk":{}}})", connection.holdings_added,
                        connection.holdings_removed, connection.holdings->junk())));
    connection.holdings.reset();
  }
  connection.drains_car = false;
  // A peer that sends requests and reads no replies is not kept.
  const bool reads = connection.unsent_bytes <= limits::kL2UnsentBytesMax;
  if (!connection.head().keep_alive || !reads) {
    linger(connection, now_ms);
    return;
  }
  connection.state = L2Connection::State::kHead;
  connection.rest();
  arm(connection, now_ms + context_.settings.idle_ms);
}

void L2Server::on_refused(L2Connection& connection, uint64_t now_ms) {
  ++context_.counters.requests_refused;
  const http::Refusal& refusal = connection.refusal();
  if (looks_like_registration(connection.head_text())) {
    refuse_registration(connection, refusal.code, refusal.detail, now_ms);
  } else {
    end_with(connection, refusal.status, refusal.code, refusal.detail, now_ms);
  }
}

}  // namespace daphnis::broker
