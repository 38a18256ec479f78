#include "worker/worker.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/http/http_writer.h"

namespace daphnis::worker {

Worker::Worker(const Settings& settings, uint32_t index, uint32_t pid, Random random)
    : settings_(settings),
      random_(std::move(random)),
      session_context_{.settings = settings_, .sink = *this, .bounds = bounds_},
      broker_(index, pid),
      listeners_(broker_, index),
      spools_(broker_, numbers_, std::to_string(index) + "-" + std::to_string(pid) + "-"),
      fetch_context_{.broker = broker_,
                     .agenda = agenda_,
                     .cache = cache_,
                     .spools = spools_,
                     .settings = settings_,
                     .window_bytes_max = settings.fetch_window_bytes} {
  settings_.budget.denylist = &denials_.denylist();
}

Worker::~Worker() = default;

Connection* Worker::on_client(std::string address, uint64_t now_ms) {
  Client client = bounds_.client_at(std::move(address));
  ClientBounds::Share share;
  auto place = ClientBounds::Place::kFree;
  if (client.is_bounded) place = bounds_.take_connection(client.network, share, now_ms);
  if (place == ClientBounds::Place::kClosed) return nullptr;
  if (clients_.size() >= settings_.clients_max && !shed_one(now_ms)) return nullptr;
  const auto id = numbers_.next<ConnectionId>();
  auto session =
      std::make_unique<ClientSession>(id, agenda_, session_context_, std::move(client), now_ms);
  session->hold(std::move(share));
  if (is_draining()) session->drain(now_ms);
  ClientSession& added = *clients_.emplace(id, std::move(session)).first->second;
  if (place == ClientBounds::Place::kTaken) added.turn_away(now_ms);
  return &added;
}

/// Closes a client whose place a new one needs: first one that has ended its side and may be gone,
/// then the one that has been idle longest. False where there is none.
bool Worker::shed_one(uint64_t now_ms) {
  ClientSession* client = session_context_.half_closed.longest();
  if (!client) client = session_context_.idle_clients.longest();
  if (client) client->shed(now_ms);
  return client != nullptr;
}

void Worker::forget(Connection& connection, uint64_t now_ms) {
  const ConnectionId id = connection.id();
  if (connection.ending() == Ending::kOpen) connection.on_lost(now_ms);
  if (clients_.erase(id) == 0 && streams_.erase(id) == 0) direct_.erase(id);
}

Connection* Worker::find_connection(ConnectionId id) {
  if (const auto client = clients_.find(id); client != clients_.end()) return client->second.get();
  if (const auto stream = streams_.find(id); stream != streams_.end()) return stream->second.get();
  const auto direct = direct_.find(id);
  return direct == direct_.end() ? nullptr : direct->second.get();
}

bool Worker::on_time(uint64_t now_ms) {
  while (const std::optional<Agenda::Call> call = agenda_.take_due(now_ms)) {
    if (const auto* connection_id = std::get_if<ConnectionId>(&call->callee)) {
      Connection* connection = find_connection(*connection_id);
      if (!connection || !Agenda::take_call(*connection, call->at)) continue;
      connection->on_time(now_ms);
    } else if (Fetch* fetch = fetches_.find(std::get<FetchId>(call->callee))) {
      on_fetch_time(*fetch, now_ms);
    }
  }
  cache_.on_time(now_ms);
  listeners_.on_time(now_ms);
  return broker_.on_time(now_ms);
}

uint64_t Worker::next_call_ms() const {
  return std::min({agenda_.next_call_ms(), broker_.next_call_ms(), cache_.next_call_ms(),
                   listeners_.next_call_ms()});
}

void Worker::on_wall_clock(int64_t unix_seconds) {
  scene_.date = http::http_date(unix_seconds);
  scene_.now_s = unix_seconds;
}

void Worker::drain(uint64_t now_ms) {
  if (std::exchange(session_context_.is_draining, true)) return;
  listeners_.leave();
  close_idle_direct();
  for (const auto& [id, client] : clients_) client->drain(now_ms);
}

void Worker::leave(uint64_t now_ms) {
  for (Fetch* fetch : fetches_.oldest_first()) {
    fetch->fail(Outcome::kDraining, 0, now_ms);
    fetch->cancel(now_ms);
    fetches_.erase(*fetch);
  }
  for (const auto& [id, client] : clients_) client->leave(now_ms);
}

ipc::WorkerStats Worker::stats() const {
  ipc::WorkerStats stats = stats_;
  stats.clients = static_cast<uint32_t>(clients_.size());
  stats.joins = answerer_.joins();
  stats.shed = answerer_.shed();
  stats.shed_busy = answerer_.shed_busy();
  stats.over_connections = bounds_.over_connections();
  stats.over_requests = bounds_.over_requests();
  stats.over_rate = bounds_.over_rate();
  stats.directories = fetches_.directories();
  stats.verify_failures = fetches_.verify_failures();
  stats.spools = spools_.opened();
  stats.fetches = static_cast<uint32_t>(fetches_.size());
  stats.loners = static_cast<uint32_t>(fetches_.loners());
  stats.readers_left = fetch_context_.slow.readers_left;
  stats.readers_cut = fetch_context_.slow.readers_cut;
  stats.yields = fetch_context_.slow.yields;
  return stats;
}

}  // namespace daphnis::worker
