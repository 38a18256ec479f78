// The part of Worker that finds, follows and loses its broker.

#include <algorithm>
#include <utility>
#include <vector>

#include "common/request/denial_outcome.h"
#include "worker/worker.h"

namespace daphnis::worker {

bool Worker::on_broker_message(const ipc::BrokerToWorker& message, bool has_socket, uint64_t now_ms,
                               Connection** stream) {
  switch (broker_.on_message(message, now_ms)) {
    case BrokerSession::Verdict::kDrop:
      return false;
    case BrokerSession::Verdict::kHandled:
      return true;
    case BrokerSession::Verdict::kUp:
      if (!take_denylist(std::get<ipc::Welcome>(message).denylist, now_ms)) return false;
      spools_.on_broker_up(std::get<ipc::Welcome>(message));
      cache_.on_broker_up(std::get<ipc::Welcome>(message));
      listeners_.on_broker_up();
      on_broker_up(now_ms);
      return true;
    case BrokerSession::Verdict::kPassOn:
      break;
  }
  if (const auto* list = std::get_if<ipc::TakeDenylist>(&message)) {
    return take_denylist(list->denylist, now_ms);
  }
  struct Handler {
    Worker& worker;
    bool has_socket;
    uint64_t now_ms;
    Connection** stream;

    void operator()(const ipc::Handoff& handoff) {
      *stream = worker.on_handoff(handoff, has_socket, now_ms);
    }
    void operator()(const ipc::FetchFailed& refusal) { worker.on_fetch_failed(refusal, now_ms); }
    void operator()(const ipc::Broadcast& broadcast) { worker.on_broadcast(broadcast, now_ms); }
    void operator()(const ipc::SpoolReserved& reserved) {
      worker.on_spool_moved(worker.spools_.on_reserved(reserved), now_ms);
    }
    void operator()(const ipc::SpoolStored& stored) { worker.on_spool_stored(stored, now_ms); }
    void operator()(const ipc::Unlink& unlink) { worker.cache_.on_unlink(unlink, now_ms); }
    void operator()(const ipc::SpoolWanted& wanted) { worker.on_spool_wanted(wanted, now_ms); }
    void operator()(const ipc::JoinProgress& progress) {
      worker.on_join_progress(progress, now_ms);
    }
    void operator()(const ipc::Warm& warm) { worker.on_warm(warm, now_ms); }
    void operator()(const ipc::ListenerGiven& given) {
      worker.listeners_.on_given(given, has_socket);
    }
    void operator()(const ipc::ListenersGiven&) { worker.listeners_.on_all_given(); }
    void operator()(const ipc::ListenerKept& kept) { worker.listeners_.on_kept(kept); }
    void operator()(const ipc::ListenerRelease& release) { worker.listeners_.on_release(release); }
    void operator()(const ipc::PlaceWanted& wanted) { worker.on_place_wanted(wanted, now_ms); }
    void operator()(const ipc::EndAttempt& end) { worker.end_attempt(end.attempt_id, now_ms); }
    void operator()(const ipc::AttemptOut& attempt) { worker.direct_attempts_.add(attempt); }
    void operator()(const ipc::AttemptAnswer& answer) { worker.on_attempt_answer(answer, now_ms); }
    void operator()(const ipc::AttemptOver& over) { worker.on_attempt_over(over, now_ms); }
    void operator()(const ipc::DirectSocket&) {}  // Its handshake comes first (on_direct()).
    // These have been handled.
    void operator()(const ipc::TakeDenylist&) {}
    void operator()(const ipc::Welcome&) {}
    void operator()(const ipc::Refused&) {}
    void operator()(const ipc::Ping&) {}
    void operator()(const ipc::Pong&) {}
  };
  std::visit(Handler{*this, has_socket, now_ms, stream}, message);
  return true;
}

bool Worker::take_denylist(const ipc::DenylistPlace& place, uint64_t now_ms) {
  const DenylistFeed::Taken taken = denials_.take(place);
  if (taken == DenylistFeed::Taken::kFailed) {
    broker_.give_up("the list of what may not be served cannot be had: " + place.path);
    return false;
  }
  cache_.set_denylist(denials_.is_cache_clean() ? nullptr : denials_.denylist().table());
  if (taken == DenylistFeed::Taken::kNew) {
    cache_.forget_files();
    answerer_.on_denylist();
    judge_fetches(now_ms);
  }
  broker_.send(ipc::DenylistTaken{place.id});
  return true;
}

/// Ends the fetches of what the new list denies.
void Worker::judge_fetches(uint64_t now_ms) {
  for (Fetch* fetch : fetches_.oldest_first()) {
    const CarRequest& request = fetch->request();
    const auto denial = denials_.denylist().judge(request.root, request.path).denial;
    if (denial) {
      denials_.note(*denial, request.root, now_ms);
      fail_fetch(*fetch, outcome_of(*denial), now_ms);
    } else {
      fetch->on_denylist();
    }
  }
}

/// Asks a new broker for everything that waits: the last one took its knowledge with it.
void Worker::on_broker_up(uint64_t now_ms) {
  scene_.node_id = broker_.node_id();
  if (settings_.has_certificates || data_ports_.is_any()) tell_direct_ways();
  for (Fetch* fetch : fetches_.oldest_first()) {
    if (fetch->is_waiting()) fetches_.ask(*fetch, false, now_ms);
  }
}

void Worker::on_broker_closed(uint64_t now_ms) {
  broker_.on_closed();
  cache_.on_broker_closed();
  listeners_.on_broker_closed();
  forget_joins(now_ms);
  direct_attempts_.clear();
  // Streams go on, but sockets that were handed off cannot go back.
  for (const auto& [id, stream] : streams_) stream->post()->proof().forget_broker();
  for (const auto& [id, direct] : direct_) {
    if (PostStream* post = direct->post()) post->proof().forget_broker();
    direct->on_no_answer(now_ms);
  }
  for (const Fetch* fetch : fetches_.oldest_first()) {
    if (fetch->is_waiting()) agenda_.call_at(fetch->id(), now_ms + settings_.broker_wait_ms);
  }
}

std::optional<ipc::ReturnSocket> Worker::give_back(const Connection& connection) const {
  if (const auto direct = direct_.find(connection.id()); direct != direct_.end()) {
    return broker_.is_up() ? std::optional(direct->second->give_back()) : std::nullopt;
  }
  const auto found = streams_.find(connection.id());
  if (found == streams_.end() || !found->second->post()->proof().is_from_this_broker() ||
      !broker_.is_up()) {
    return std::nullopt;
  }
  return found->second->give_back();
}

void Worker::on_broadcast(const ipc::Broadcast& broadcast, uint64_t now_ms) {
  switch (broadcast.verb) {
    case ipc::BroadcastVerb::kDrain:
      drain(now_ms);
      break;
    case ipc::BroadcastVerb::kLogLevel: {
      LogLevel level{};
      if (parse_log_level(broadcast.argument, level)) log_level_ = level;
      break;
    }
  }
  broker_.send(ipc::BroadcastDone{broadcast.broadcast_id});
}

}  // namespace daphnis::worker
