#include "worker/driver/driver.h"

#include <algorithm>
#include <utility>

namespace daphnis::worker {
namespace {

/// The cookie of the socket that comes with this message; 0 where none does.
uint64_t announced_cookie(const ipc::BrokerToWorker& message) {
  if (const auto* handoff = std::get_if<ipc::Handoff>(&message)) return handoff->cookie;
  if (const auto* direct = std::get_if<ipc::DirectSocket>(&message)) return direct->cookie;
  if (const auto* listener = std::get_if<ipc::ListenerGiven>(&message)) return listener->cookie;
  return 0;
}

}  // namespace

Driver::Driver(const DriverSettings& settings, DriverHost& host, ReadBuffers& buffers,
               Worker::Random random)
    : settings_(settings),
      host_(host),
      buffers_(buffers),
      core_(settings.worker, settings.index, settings.pid, std::move(random)) {}

Driver::~Driver() {
  for (SocketDriver* socket : oldest_first()) sockets_.erase(socket->connection().id());
}

void Driver::start(const std::vector<std::string>& addresses, uint64_t now_ms) {
  core_.listeners().start(addresses, now_ms);
  after_input(now_ms);
}

void Driver::on_client(std::unique_ptr<DrivenSocket> socket, std::string address, uint64_t now_ms) {
  Connection* connection = core_.on_client(std::move(address), now_ms);
  if (connection) add_socket(std::move(socket), *connection, now_ms);
  after_input(now_ms);  // Another client may have been closed for this one.
}

void Driver::on_direct(std::unique_ptr<DrivenSocket> socket, DirectPeer peer, uint64_t now_ms) {
  peer.cookie = socket->cookie();
  Connection* connection = core_.on_direct(std::move(peer), now_ms);
  if (connection) add_socket(std::move(socket), *connection, now_ms);
  after_input(now_ms);
}

void Driver::add_socket(std::unique_ptr<DrivenSocket> socket, Connection& connection,
                        uint64_t now_ms) {
  SocketOwner& owner = *this;
  auto driver = std::make_unique<SocketDriver>(std::move(socket), connection, buffers_, owner);
  SocketDriver& added = *driver;
  sockets_.emplace(connection.id(), std::move(driver));
  sync(added, now_ms);
}

/// Looks at a socket whose readiness has been used, after the connections that its input has woken:
/// their writes may end a pause before it costs a system call.
void Driver::on_used(SocketDriver& used, uint64_t now_ms) {
  core_.touch(used.connection());
  after_input(now_ms);
}

void Driver::on_broker_connected(uint64_t now_ms) {
  core_.on_broker_connected(now_ms);
  after_input(now_ms);
}

bool Driver::on_broker_message(const ipc::BrokerToWorker& message,
                               std::unique_ptr<DrivenSocket> socket, uint64_t now_ms) {
  // Where a descriptor was lost on its way, this message may come with the next one's (DESIGN 4a).
  if (socket && socket->cookie() != announced_cookie(message)) socket.reset();
  const bool was_up = core_.has_broker();
  Connection* stream = nullptr;
  const bool is_fine = core_.on_broker_message(message, socket != nullptr, now_ms, &stream);
  if (stream) {
    add_socket(std::move(socket), *stream, now_ms);
  } else if (const auto* given = std::get_if<ipc::ListenerGiven>(&message);
             given && socket && is_fine) {
    host_.accept_on(core_.listeners().address_of(*given), std::move(socket));
  } else if (const auto* direct = std::get_if<ipc::DirectSocket>(&message); socket && direct) {
    host_.start_handshake(std::move(socket), direct->address);
  }
  if (!was_up && core_.has_broker()) host_.log(LogLevel::kInfo, LogLine("broker_found"));
  if (is_fine) after_input(now_ms);
  return is_fine;
}

void Driver::on_broker_closed(const std::string& why, uint64_t now_ms) {
  const std::string& problem = core_.broker_problem();
  if (core_.has_broker() || !problem.empty()) {
    host_.log(LogLevel::kWarn, LogLine("broker_lost").add("why", problem.empty() ? why : problem));
  }
  core_.on_broker_closed(now_ms);
  after_input(now_ms);
}

void Driver::on_file_job_done(FileJobDone done, uint64_t now_ms) {
  core_.on_file_job_done(std::move(done), now_ms);
  after_input(now_ms);
}

void Driver::on_cache_look(CacheQueryId id, CacheLook look, uint64_t now_ms) {
  core_.on_cache_look(id, std::move(look), now_ms);
  after_input(now_ms);
}

void Driver::on_cache_read(CacheQueryId id, CacheRead read, uint64_t now_ms) {
  core_.on_cache_read(id, std::move(read), now_ms);
  after_input(now_ms);
}

void Driver::on_time(uint64_t now_ms) {
  timer_ms_ = kNever;
  if (now_ms >= leave_ms_) return leave(now_ms);
  if (!core_.on_time(now_ms)) host_.drop_broker(core_.broker_problem());
  after_input(now_ms);
}

void Driver::on_tick(int64_t unix_s, const ProcessGauges& gauges, uint64_t now_ms) {
  core_.on_wall_clock(unix_s);
  for (SocketDriver* socket : oldest_first()) socket->on_tick(now_ms);
  ipc::WorkerStats stats = core_.stats();
  stats.descriptors = gauges.descriptors;
  stats.rss_bytes = gauges.rss_bytes;
  stats.log_lines_dropped = gauges.log_lines_dropped;
  stats.proxies_refused = gauges.proxies_refused;
  stats.handshakes_full = gauges.handshakes_full;
  stats.handshakes_resumed = gauges.handshakes_resumed;
  stats.handshakes_failed = gauges.handshakes_failed;
  core_.send(stats);
  after_input(now_ms);
}

/// The sockets in the sequence in which they came, since the table's differs between runs.
std::vector<SocketDriver*> Driver::oldest_first() const {
  std::vector<SocketDriver*> all;
  all.reserve(sockets_.size());
  for (const auto& [id, socket] : sockets_) all.push_back(socket.get());
  std::ranges::sort(all, {}, [](SocketDriver* socket) { return socket->connection().id(); });
  return all;
}

void Driver::drain(uint64_t now_ms) {
  if (std::exchange(is_leaving_, true)) return;
  host_.log(LogLevel::kInfo, LogLine("draining"));
  core_.drain(now_ms);
  leave_ms_ = now_ms + settings_.worker.drain_ms;
  after_input(now_ms);
}

void Driver::on_end_asked(uint64_t now_ms) {
  if (is_leaving_) return host_.stop();
  drain(now_ms);
}

/// Ends what is left when drain_ms is over.
void Driver::leave(uint64_t now_ms) {
  leave_ms_ = kNever;
  core_.leave(now_ms);
  after_input(now_ms);
  host_.stop();
}

void Driver::stop_if_done() {
  if (!core_.is_empty()) return;
  // Listening sockets of which the broker has no copy end with this process.
  host_.accept_waiting();
  if (core_.is_empty() && !host_.awaits_clients()) host_.stop();
}

void Driver::after_input(uint64_t now_ms) {
  update_listeners();
  if (const auto first = core_.take_first_messages(); !first.empty()) host_.send_at_once(first);
  sync_woken(now_ms);
  core_.end_input();
  for (FileJob& job : core_.take_file_jobs()) host_.start(std::move(job));
  if (const auto messages = core_.take_messages(); !messages.empty()) host_.send(messages);
  log_access_lines();
  if (const auto warning = core_.take_warning()) host_.log(LogLevel::kWarn, *warning);
  if (const auto level = core_.take_log_level()) host_.set_log_level(*level);
  if (core_.is_draining()) {
    drain(now_ms);
    stop_if_done();
  }
  set_timer();
}

/// Binds, offers and closes listening sockets as the core says. Clients that wait in a socket are
/// accepted before it is closed, lest no other process accepts on it.
void Driver::update_listeners() {
  Listeners& listeners = core_.listeners();
  for (const std::string& address : listeners.take_to_bind()) {
    if (const auto cookie = host_.bind_listener(address)) listeners.on_bound(address, *cookie);
  }
  for (const ipc::Listening& offer : listeners.take_offers()) host_.offer_listener(offer);
  for (const uint64_t cookie : listeners.take_closed()) host_.close_listener(cookie);
}

void Driver::sync_woken(uint64_t now_ms) {
  for (auto woken = core_.take_woken(); !woken.empty(); woken = core_.take_woken()) {
    for (const Connection* connection : woken) {
      const auto found = sockets_.find(connection->id());
      if (found != sockets_.end()) sync(*found->second, now_ms);
    }
  }
}

void Driver::sync(SocketDriver& socket, uint64_t now_ms) {
  const SocketDriver::Fate fate = socket.sync(now_ms);
  if (fate == SocketDriver::Fate::kStays) return;
  Connection& connection = socket.connection();
  if (fate == SocketDriver::Fate::kGivenBack) {
    const auto message = core_.give_back(connection);
    std::unique_ptr<DrivenSocket> given = socket.release();
    if (message) host_.give_back(*message, std::move(given));
  }
  sockets_.erase(connection.id());
  core_.forget(connection, now_ms);
}

void Driver::log_access_lines() {
  for (const LogLine& line : core_.take_access_lines()) {
    const uint32_t every = settings_.access_line_every;
    if (every != 0 && access_lines_++ % every == 0) host_.log_access(line);
  }
}

void Driver::set_timer() {
  const uint64_t next_ms = std::min(core_.next_call_ms(), leave_ms_);
  if (next_ms == timer_ms_) return;
  timer_ms_ = next_ms;
  host_.set_timer(next_ms);
}

}  // namespace daphnis::worker
