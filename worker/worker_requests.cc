// The part of Worker that takes requests, and notes how they have ended.

#include <utility>

#include "common/base/uuid.h"
#include "worker/client/access_line.h"
#include "worker/worker.h"

namespace daphnis::worker {

void Worker::name_request(Exchange& exchange) {
  if (const auto given = client_request_id(exchange.request())) {
    exchange.facts.request_id = *given;
    return;
  }
  Uuid random{};
  random_(random);
  exchange.facts.request_id = text_of(uuid_v4(random));
}

void Worker::on_request(Exchange& exchange, uint64_t now_ms) {
  name_request(exchange);
  const Client& client = exchange.client();
  const uint32_t wait_s =
      client.is_bounded ? bounds_.take_request(client.network, exchange.facts.share, now_ms) : 0;
  if (wait_s == 0) return answerer_.answer(exchange, now_ms);
  give(exchange, answer_for(Outcome::kTooMany, wait_s), scene_, CacheStatus::kNone, now_ms);
}

void Worker::on_refused(Exchange& exchange, const http::Refusal& refusal, uint64_t now_ms) {
  name_request(exchange);
  give(exchange, answer_for_parser(refusal), scene_, CacheStatus::kNone, now_ms);
}

void Worker::on_refused(Exchange& exchange, Outcome outcome, uint64_t now_ms) {
  name_request(exchange);
  give(exchange, answer_for(outcome), scene_, CacheStatus::kNone, now_ms);
}

void Worker::on_exchange_over(Exchange& exchange, Outcome end, uint64_t now_ms) {
  exchange.release(now_ms);
  answerer_.end_waiting(exchange);
  exchange.facts.share = {};
  count(exchange, end);
  access_lines_.push_back(access_line(exchange, end, now_ms));
}

std::optional<LogLine> Worker::take_warning() {
  const auto client = bounds_.take_unbounded();
  if (!client) return std::nullopt;
  return LogLine("clients_unbounded")
      .add("client", client->text())
      .add("why", "local addresses have no bounds; name a proxy in front by --trust-proxy");
}

void Worker::count(const Exchange& exchange, Outcome end) {
  ++stats_.requests;
  stats_.bytes_out += exchange.content_bytes_written();
  if (end == Outcome::kCutOff || end == Outcome::kClientSlow) ++stats_.aborted;
  if (end == Outcome::kClientLeft) ++stats_.client_left;
  if (exchange.facts.failure == name_of(Outcome::kDenied)) ++stats_.denied;
  if (exchange.facts.failure == name_of(Outcome::kDeniedLegally)) ++stats_.denied_legally;
  if (end != Outcome::kComplete) return;
  const int status = exchange.response().status;
  if (status < 300) {
    ++stats_.status_2xx;
  } else if (status < 400) {
    ++stats_.status_3xx;
  } else if (status < 500) {
    ++stats_.status_4xx;
  } else {
    ++stats_.status_5xx;
  }
}

}  // namespace daphnis::worker
