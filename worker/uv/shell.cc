#include "worker/uv/shell.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr uint64_t kTickMs = 1'000;
/// Counting descriptors means reading a folder, so it is done rarely.
constexpr uint64_t kDescriptorsMs = 5'000;

}  // namespace

Shell::Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, const ShellSettings& settings)
    : loop_(loop),
      log_(log),
      settings_(settings),
      cache_reads_(loop,
                   {.on_look =
                        [this](CacheQueryId id, CacheLook look) {
                          worker_.on_cache_look(id, std::move(look), loop_.now_ms());
                          after_input();
                        },
                    .on_read =
                        [this](CacheQueryId id, CacheRead read) {
                          worker_.on_cache_read(id, std::move(read), loop_.now_ms());
                          after_input();
                        }},
                   settings.verifies_hits),
      worker_(settings.settings, settings.index, static_cast<uint32_t>(::getpid()),
              [this](std::span<uint8_t> out) { random_.fill(out); }),
      spool_files_(loop,
                   [this](FileJobDone done) {
                     worker_.on_file_job_done(std::move(done), loop_.now_ms());
                     after_input();
                   }),
      timer_(loop, [this] { on_timer(); }),
      tick_(loop, [this] { on_tick(); }),
      leave_(loop, [this] { leave(); }),
      terminate_(loop, SIGTERM, [this] { on_signal(); }),
      interrupt_(loop, SIGINT, [this] { on_signal(); }),
      flush_log_(loop, [this] { log_.flush(); }),
      link_(loop, settings.socket_path,
            {.on_connected =
                 [this] {
                   worker_.on_broker_connected(loop_.now_ms());
                   after_input();
                 },
             .on_message =
                 [this](const ipc::BrokerToWorker& message, UniqueFd socket) {
                   return on_broker_message(message, std::move(socket));
                 },
             .on_closed = [this](const std::string& why) { on_broker_closed(why); }}) {
  worker_.set_cache_reads(cache_reads_);
  worker_.on_wall_clock(std::time(nullptr));
}

Shell::~Shell() {
  for (auto& [id, socket] : sockets_) {
    Connection& connection = socket->connection();
    socket.reset();
    worker_.forget(connection, loop_.now_ms());
  }
}

void Shell::start() {
  worker_.listeners().start(settings_.listen.text(), loop_.now_ms());
  tick_.start(kTickMs, kTickMs);
  log_.info(LogLine("started")
                .add("listen", settings_.listen.text())
                .add("socket", settings_.socket_path)
                .add("index", settings_.index));
  after_input();
}

void Shell::accept_on(UniqueFd listener, std::string_view from) {
  const uint64_t cookie = daphnis::uv::socket_cookie(listener.get());
  if (listeners_.contains(cookie)) return;
  log_.info(LogLine("listening").add("listen", settings_.listen.text()).add("from", from));
  listeners_.emplace(
      cookie, std::make_unique<ClientListener>(loop_, std::move(listener),
                                               [this](UniqueFd fd) { on_client(std::move(fd)); }));
}

void Shell::bind_listener() {
  auto bound = ClientListener::bind(settings_.listen);
  if (!bound) {
    log_.error(LogLine("start_failed").add("why", bound.error().text()));
    // Status 2 says that another start is of no use.
    exit_status_ = bound.error().code == Errc::kInvalid ? 2 : 1;
    loop_.stop();
    return;
  }
  const uint64_t cookie = daphnis::uv::socket_cookie(bound->get());
  accept_on(std::move(*bound), "bound");
  worker_.listeners().on_bound(cookie);
}

/// Binds, offers and closes listeners as the Worker says. Clients that wait in a socket are
/// accepted before it is closed, lest no other process accepts on it.
void Shell::update_listeners() {
  Listeners& listeners = worker_.listeners();
  if (listeners.take_must_bind()) bind_listener();
  for (const ipc::Listening& offer : listeners.take_offers()) {
    const auto found = listeners_.find(offer.cookie);
    if (found != listeners_.end()) {
      link_.send(offer, daphnis::uv::copy_of(found->second->fd()));
    }
  }
  for (const uint64_t cookie : listeners.take_closed()) {
    const auto found = listeners_.find(cookie);
    if (found == listeners_.end()) continue;
    found->second->accept_waiting();
    listeners_.erase(found);
  }
}

void Shell::on_client(UniqueFd fd) {
  std::string address = daphnis::uv::peer_host(fd.get());
  Connection* connection = worker_.on_client(std::move(address), loop_.now_ms());
  if (connection) add_socket(std::move(fd), *connection);
  after_input();  // Another client may have been closed for this one.
}

void Shell::add_socket(UniqueFd fd, Connection& connection) {
  auto socket = std::make_unique<Socket>(loop_, std::move(fd), connection, buffers_,
                                         [this](Socket& used) { on_used(used); });
  Socket& added = *socket;
  sockets_.emplace(connection.id(), std::move(socket));
  sync(added);
}

/// Looks at a socket whose readiness has been used, after the connections that its input has woken:
/// their writes may end a pause before it costs a system call.
void Shell::on_used(Socket& socket) {
  worker_.touch(socket.connection());
  after_input();  // This call may destroy the socket, and with it the closure that called here.
}

bool Shell::on_broker_message(const ipc::BrokerToWorker& message, UniqueFd socket) {
  const bool was_up = worker_.has_broker();
  Connection* stream = nullptr;
  const bool is_fine =
      worker_.on_broker_message(message, static_cast<bool>(socket), loop_.now_ms(), &stream);
  if (stream) {
    add_socket(std::move(socket), *stream);
  } else if (socket && is_fine && std::holds_alternative<ipc::ListenerGiven>(message)) {
    accept_on(std::move(socket), "broker");
  }
  if (!was_up && worker_.has_broker()) log_.info(LogLine("broker_found"));
  if (is_fine) after_input();
  return is_fine;
}

void Shell::on_broker_closed(const std::string& why) {
  const bool was_up = worker_.has_broker();
  const std::string& problem = worker_.broker_problem();
  if (was_up || !problem.empty()) {
    log_.warn(LogLine("broker_lost").add("why", problem.empty() ? why : problem));
  }
  worker_.on_broker_closed(loop_.now_ms());
  after_input();
}

void Shell::sync(Socket& socket) {
  const Socket::Fate fate = socket.sync(loop_.now_ms());
  if (fate == Socket::Fate::kStays) return;
  Connection& connection = socket.connection();
  if (fate == Socket::Fate::kGivenBack) {
    const auto message = worker_.give_back(connection);
    UniqueFd fd = socket.release();
    if (message) link_.send(*message, std::move(fd));
  }
  sockets_.erase(connection.id());
  worker_.forget(connection, loop_.now_ms());
}

void Shell::after_input() {
  update_listeners();
  for (auto woken = worker_.take_woken(); !woken.empty(); woken = worker_.take_woken()) {
    for (Connection* connection : woken) {
      const auto found = sockets_.find(connection->id());
      if (found != sockets_.end()) sync(*found->second);
    }
  }
  for (FileJob& job : worker_.take_file_jobs()) spool_files_.start(std::move(job));
  link_.send(worker_.take_messages());
  for (const LogLine& line : worker_.take_access_lines()) {
    const uint32_t every = settings_.access_line_every;
    if (every != 0 && access_lines_++ % every == 0) log_.access(line);
  }
  if (const auto level = worker_.take_log_level()) log_.set_level(*level);
  if (worker_.is_draining()) {
    drain();
    leave_if_done();
  }
  arm_timer();
}

void Shell::arm_timer() {
  const uint64_t next_ms = worker_.next_call_ms();
  if (next_ms == timer_ms_) return;
  timer_ms_ = next_ms;
  if (next_ms == kNever) return timer_.stop();
  const uint64_t now_ms = loop_.now_ms();
  timer_.start(next_ms > now_ms ? next_ms - now_ms : 0);
}

void Shell::on_timer() {
  timer_ms_ = kNever;
  if (!worker_.on_time(loop_.now_ms())) link_.drop(worker_.broker_problem());
  after_input();
}

void Shell::on_tick() {
  const uint64_t now_ms = loop_.now_ms();
  worker_.on_wall_clock(std::time(nullptr));
  for (const auto& [id, socket] : sockets_) socket->on_tick(now_ms);
  ipc::WorkerStats stats = worker_.stats();
  if (now_ms >= descriptors_counted_ms_ + kDescriptorsMs) {
    descriptors_counted_ms_ = now_ms;
    descriptors_ = static_cast<uint32_t>(daphnis::uv::open_descriptors());
  }
  stats.descriptors = descriptors_;
  stats.rss_bytes = daphnis::uv::resident_bytes();
  stats.log_lines_dropped = log_.lines_dropped();
  worker_.send(stats);
  after_input();
}

/// The first signal asks to finish, the second to leave at once.
void Shell::on_signal() {
  if (is_leaving_) return loop_.stop();
  drain();
}

/// Leaves once all is done, or when drain_ms is over.
void Shell::drain() {
  if (std::exchange(is_leaving_, true)) return;
  log_.info(LogLine("draining"));
  worker_.drain(loop_.now_ms());
  leave_.start(settings_.settings.drain_ms);
  after_input();
}

/// Ends what is left when drain_ms is over.
void Shell::leave() {
  worker_.leave(loop_.now_ms());
  after_input();
  loop_.stop();
}

void Shell::leave_if_done() {
  if (!worker_.is_empty()) return;
  // Listening sockets of which the broker has no copy end with this process.
  for (const auto& [cookie, listener] : listeners_) listener->accept_waiting();
  if (worker_.is_empty()) loop_.stop();
}

}  // namespace daphnis::worker::uv
