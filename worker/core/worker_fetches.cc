// How the Worker gets content: questions to the broker, hand-offs, what streams prove.

#include <algorithm>
#include <utility>

#include "common/core/limits.h"
#include "worker/core/worker.h"

namespace daphnis::worker {

Fetch* Worker::find_fetch(FetchId id) {
  const auto found = fetches_.find(id);
  return found == fetches_.end() ? nullptr : found->second.get();
}

/// The fetch that takes what this stream proves; null where it has gone or takes another's.
Fetch* Worker::fed_by(const L2Stream& stream) {
  Fetch* fetch = find_fetch(stream.attempt().fetch_id);
  return fetch && fetch->is_fed_by(stream) ? fetch : nullptr;
}

/// Answers from a fetch: the content has to come from somebody else.
void Worker::start_fetch(Exchange& exchange, Content content, uint64_t now_ms) {
  const FetchId id = ++last_id_;
  CarRequest wanted = to_fetch(content);
  FetchHost& host = *this;
  auto answer = std::make_unique<ContentAnswer>(exchange, std::move(content), scene_, host);
  auto fetch = std::make_unique<Fetch>(id, std::move(wanted), exchange.facts.request_id, *answer,
                                       now_ms + settings_.request_ms);
  answer->attach(id);
  exchange.set_responder(std::move(answer));
  Fetch& started = *fetches_.emplace(id, std::move(fetch)).first->second;
  agenda_.call_at(id, started.deadline_ms() + limits::kDeadlineGraceMs);
  ask(started, now_ms);
}

/// Asks the broker, or waits a little for one that is away.
void Worker::ask(Fetch& fetch, uint64_t now_ms) {
  if (broker_.is_up()) {
    broker_.send(fetch.question(now_ms));
  } else {
    agenda_.call_at(fetch.id(), now_ms + settings_.broker_wait_ms);
  }
}

void Worker::on_fetch_time(Fetch& fetch, uint64_t now_ms) {
  if (!fetch.wants_stream()) return;  // Its stream has deadlines of its own.
  if (now_ms >= fetch.deadline_ms()) {
    fail_fetch(fetch, FailureKind::kDeadline, now_ms);
  } else if (!broker_.is_up()) {
    fail_fetch(fetch, FailureKind::kBrokerAway, now_ms);
  }
}

void Worker::fail_fetch(Fetch& fetch, FailureKind why, uint64_t now_ms) {
  const FetchId id = fetch.id();
  broker_.send(ipc::CancelFetch{id});
  fetch.fail(why, 0, now_ms);
  fetches_.erase(id);
}

void Worker::on_reader_room(FetchId id, uint64_t now_ms) {
  if (Fetch* fetch = find_fetch(id)) fetch->on_room(now_ms);
}

void Worker::on_reader_left(FetchId id, uint64_t now_ms) {
  Fetch* fetch = find_fetch(id);
  if (!fetch) return;
  broker_.send(ipc::CancelFetch{id});
  // Out of the table first: the stream's end, reported from within, finds no fetch to go on with.
  const std::unique_ptr<Fetch> gone = std::move(fetches_.extract(id).mapped());
  gone->abandon(now_ms);
}

void Worker::on_stream_output(L2Stream& stream, Slices& output, uint64_t now_ms) {
  if (Fetch* fetch = fed_by(stream)) fetch->on_output(output, now_ms);
}

void Worker::on_stream_whole(L2Stream& stream, uint64_t now_ms) {
  Fetch* fetch = fed_by(stream);
  if (!fetch) return;
  fetch->on_whole(now_ms);
  fetches_.erase(stream.attempt().fetch_id);
}

void Worker::on_stream_ended(L2Stream& stream, uint64_t now_ms) {
  const L2Stream::Attempt& attempt = stream.attempt();
  if (stream.outcome() == ipc::AttemptOutcome::kVerifyFailed) ++stats_.verify_failures;
  Fetch* fetch = fed_by(stream);
  const bool wants_another = fetch && fetch->on_stream_ended(now_ms);
  if (stream.is_from_this_broker()) {
    const uint64_t took_ms = std::min<uint64_t>(now_ms - stream.started_ms(), UINT32_MAX);
    broker_.send(ipc::AttemptEnded{.fetch_id = attempt.fetch_id,
                                   .attempt_id = attempt.id,
                                   .outcome = stream.outcome(),
                                   .wants_another = wants_another,
                                   .blocks_proven = stream.blocks_proven(),
                                   .body_bytes = stream.body_bytes(),
                                   .duration_ms = static_cast<uint32_t>(took_ms)});
  } else if (wants_another) {
    ask(*fetch, now_ms);  // The broker of today has never heard of it.
  }
  if (fetch && fetch->is_over()) fetches_.erase(attempt.fetch_id);
}

L2Stream* Worker::on_handoff(const ipc::Handoff& handoff, bool has_socket, uint64_t now_ms) {
  broker_.send(ipc::HandoffTaken{handoff.attempt_id});
  Fetch* fetch = find_fetch(handoff.fetch_id);
  const bool is_wanted = fetch && fetch->wants_stream();
  if (!has_socket) {
    broker_.send(ipc::AttemptEnded{.fetch_id = handoff.fetch_id,
                                   .attempt_id = handoff.attempt_id,
                                   .outcome = ipc::AttemptOutcome::kLost,
                                   .wants_another = is_wanted});
    return nullptr;
  }
  const ConnectionId id = ++last_id_;
  L2Stream::Attempt attempt{.fetch_id = handoff.fetch_id,
                            .id = handoff.attempt_id,
                            .cookie = handoff.cookie,
                            .shape = handoff.shape,
                            .number = handoff.attempt_number,
                            .l2_id = handoff.l2_id};
  const CarRequest& request = is_wanted ? fetch->request() : CarRequest{};
  StreamListener& listener = *this;
  auto made = std::make_unique<L2Stream>(id, agenda_, settings_, listener, std::move(attempt),
                                         request, now_ms);
  L2Stream& stream = *streams_.emplace(id, std::move(made)).first->second;
  if (is_wanted) {
    fetch->on_stream(stream);
    stream.start(handoff.received, now_ms);
  } else {
    stream.cancel(now_ms);
  }
  return &stream;
}

void Worker::on_fetch_failed(const ipc::FetchFailed& refusal, uint64_t now_ms) {
  Fetch* fetch = find_fetch(refusal.fetch_id);
  if (!fetch || !fetch->wants_stream()) return;  // Crossed with our cancel, or of an older attempt.
  fetch->on_refused(refusal, now_ms);
  fetches_.erase(refusal.fetch_id);
}

}  // namespace daphnis::worker
