#include "broker/broker.h"

#include <utility>

namespace daphnis::broker {

Broker::Broker(Settings settings, RandomSource random)
    : context_{.settings = std::move(settings),
               .random = std::move(random),
               .out = {},
               .timers = {},
               .counters = {}},
      registrations_(context_),
      cache_(context_),
      dispatcher_(context_, registrations_, cache_),
      joins_(context_, dispatcher_, cache_),
      workers_(context_, dispatcher_, cache_, joins_),
      warmer_(context_, cache_),
      l2_server_(context_, registrations_, dispatcher_, workers_) {}

void Broker::on_l2_connected(ConnId conn, const L2Peer& peer, uint64_t now_ms) {
  l2_server_.on_connected(conn, peer, now_ms);
}

void Broker::on_l2_bytes(ConnId conn, Bytes bytes, uint64_t now_ms) {
  l2_server_.on_bytes(conn, bytes, now_ms);
  after_input(now_ms);
}

void Broker::on_l2_unsent(ConnId conn, size_t unsent_bytes, uint64_t now_ms) {
  l2_server_.on_unsent(conn, unsent_bytes, now_ms);
}

void Broker::on_l2_closed(ConnId conn, std::string_view why, uint64_t now_ms) {
  l2_server_.on_closed(conn, why, now_ms);
  after_input(now_ms);
}

void Broker::on_worker_connected(WorkerId worker, uint64_t now_ms) {
  workers_.on_connected(worker, now_ms);
}

void Broker::on_worker_message(WorkerId worker, ipc::WorkerToBroker message,
                               const std::optional<Arrived>& socket, uint64_t now_ms) {
  std::vector<uint8_t> surplus;
  // Behind a proxy the socket does not know whose it is.
  const auto* returned = std::get_if<ipc::ReturnSocket>(&message);
  L2Peer peer = socket ? socket->peer : L2Peer{};
  if (returned && !returned->address.empty()) peer.address = returned->address;
  const bool adopts = workers_.on_message(worker, std::move(message),
                                          {.returned_cookie = peer.cookie}, surplus, now_ms);
  if (socket && adopts) {
    l2_server_.on_connected(socket->conn, peer, now_ms);
    if (!surplus.empty()) l2_server_.on_bytes(socket->conn, surplus, now_ms);
  } else if (socket) {
    context_.out.push(CloseL2{socket->conn});
  }
  after_input(now_ms);
}

void Broker::on_worker_listener(WorkerId worker, ipc::WorkerToBroker message,
                                const ArrivedListener& listener, uint64_t now_ms) {
  std::vector<uint8_t> surplus;
  static_cast<void>(
      workers_.on_message(worker, std::move(message), {.listener = listener}, surplus, now_ms));
  after_input(now_ms);
}

void Broker::on_worker_malformed(WorkerId worker, uint64_t now_ms) {
  workers_.on_malformed(worker, now_ms);
  after_input(now_ms);
}

void Broker::on_worker_closed(WorkerId worker, std::string_view why, uint64_t now_ms) {
  workers_.on_closed(worker, why, now_ms);
  after_input(now_ms);
}

void Broker::on_folder(const FolderEvent& event, uint64_t now_ms) {
  cache_.on_folder(event, now_ms);
  after_input(now_ms);
}

void Broker::on_second(uint32_t wall_s, uint64_t now_ms) {
  context_.wall_ahead_s = int64_t{wall_s} - static_cast<int64_t>(now_ms / 1000);
  cache_.on_second(now_ms);
  workers_.on_second(now_ms);
  if (warmer_.waiting() > 0 && !is_draining_) warmer_.on_second(workers_.admitted());
  after_input(now_ms);
}

void Broker::on_timer(uint64_t now_ms) {
  while (const auto due = context_.timers.pop_due(now_ms)) {
    switch (due->kind) {
      case TimerKind::kFetch:
        dispatcher_.on_timer(FetchNo{due->id}, due->number, now_ms);
        break;
      case TimerKind::kConnection:
        l2_server_.on_timer(ConnId{due->id}, now_ms);
        break;
      case TimerKind::kL2:
        registrations_.on_timer(L2No{due->id}, now_ms);
        break;
      case TimerKind::kWorker:
        workers_.on_timer(WorkerId{due->id}, now_ms);
        break;
      case TimerKind::kReservation:
        cache_.on_reservation_timer(now_ms);
        break;
      case TimerKind::kFollower:
        joins_.on_timer(FollowerNo{due->id}, now_ms);
        break;
      case TimerKind::kPlaces:
        dispatcher_.on_places_timer(L2No{due->id}, now_ms);
        break;
      case TimerKind::kPlacesWanted:
        dispatcher_.on_places_wanted_timer(L2No{due->id}, now_ms);
        break;
    }
  }
  after_input(now_ms);
}

void Broker::after_input(uint64_t now_ms) {
  tell_sweep();
  // Rerouting writes order lines, by which more L2s may turn out not to read. The loop ends since
  // each L2 is dropped once.
  do {
    for (const L2No no : std::exchange(registrations_.given_up(), {})) {
      if (L2* l2 = registrations_.registry().find(no)) {
        l2_server_.drop(*l2, "it does not read its orders", now_ms);
      }
    }
    dispatcher_.reroute(now_ms);
    joins_.after_input(now_ms);
  } while (!registrations_.given_up().empty());
}

void Broker::set_auth(L2Auth auth, uint64_t now_ms) {
  context_.auth = std::move(auth);
  l2_server_.end_revoked(now_ms);
  after_input(now_ms);
}

void Broker::set_denylist(DenylistInForce list, uint64_t now_ms) {
  const bool is_same = list.place.id == context_.denials.id();
  if (is_same) return;
  past_denylists_.push_back(context_.denials.list().table);
  context_.denials.set(std::move(list));
  cache_.on_denylist();
  joins_.on_denylist();
  workers_.tell_denylist();
  was_swept_ = context_.denials.list().place.is_swept;
  after_input(now_ms);
}

/// Tells the workers when the cache has been looked through, or must be anew, and drops lists that
/// no worker needs any more.
void Broker::tell_sweep() {
  const bool is_swept = context_.denials.list().place.is_swept;
  if (std::exchange(was_swept_, is_swept) != is_swept) workers_.tell_denylist();
  if (!past_denylists_.empty() && workers_.behind_denylist() == 0) past_denylists_.clear();
}

void Broker::set_log_level(LogLevel level) {
  context_.out.set_log_level(level);
}

void Broker::broadcast_log_level(LogLevel level) {
  set_log_level(level);
  workers_.broadcast(ipc::BroadcastVerb::kLogLevel, std::string(name(level)));
}

void Broker::eject_l2(L2& l2, uint64_t for_ms, uint64_t now_ms) {
  registrations_.health().eject(*l2.health, for_ms, now_ms);
  registrations_.tell_ejected(l2, {.reason = EjectionReason::kOperator, .for_ms = for_ms}, now_ms);
}

void Broker::readmit_l2(L2& l2, uint64_t now_ms) {
  registrations_.health().readmit(*l2.health);
  registrations_.note_arrival(l2);
  dispatcher_.serve_queue(l2, now_ms);
  after_input(now_ms);
}

void Broker::drain(uint64_t now_ms) {
  is_draining_ = true;
  dispatcher_.drain(now_ms);
  l2_server_.drain(now_ms);
  after_input(now_ms);
}

bool Broker::is_quiet() const {
  return dispatcher_.fetches() == 0 && dispatcher_.attempts().live() == 0 &&
         joins_.followers() == 0;
}

}  // namespace daphnis::broker
