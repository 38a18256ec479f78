#include "worker/uv/shell.h"

#include <unistd.h>

#include <csignal>
#include <ctime>
#include <utility>

#include "worker/driver/tls_socket.h"
#include "worker/uv/socket.h"

namespace daphnis::worker::uv {
namespace {

using daphnis::uv::UniqueFd;

constexpr uint64_t kTickMs = 1'000;
/// Counting descriptors means reading a folder, so it is done rarely.
constexpr uint64_t kDescriptorsMs = 5'000;

/// What stands before the addresses of listening sockets whose connections do not begin with HTTP
/// (ipc::Listening).
constexpr std::string_view kTls = "tls:";
constexpr std::string_view kProxy = "proxy:";

/// Takes the descriptor out of a socket. All sockets of the Driver come from Shell::driven().
UniqueFd release(DrivenSocket& socket) {
  return static_cast<Socket&>(socket).release();
}

}  // namespace

Shell::Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, const ShellSettings& settings)
    : loop_(loop),
      log_(log),
      settings_(settings),
      cache_reads_(loop,
                   {.on_look =
                        [this](CacheQueryId id, CacheLook look) {
                          driver_.on_cache_look(id, std::move(look), loop_.now_ms());
                        },
                    .on_read =
                        [this](CacheQueryId id, CacheRead read) {
                          driver_.on_cache_read(id, std::move(read), loop_.now_ms());
                        }},
                   settings.verifies_hits),
      driver_({.worker = settings.settings,
               .index = settings.index,
               .pid = static_cast<uint32_t>(::getpid()),
               .access_line_every = settings.access_line_every},
              *this, buffers_, [this](std::span<uint8_t> out) { random_.fill(out); }),
      spool_files_(
          loop,
          [this](FileJobDone done) { driver_.on_file_job_done(std::move(done), loop_.now_ms()); }),
      greetings_(loop, log, settings.settings.trusted_proxies,
                 [this](UniqueFd fd, std::string address) {
                   on_client(driven(std::move(fd)), std::move(address));
                 }),
      handshakes_(loop, log, "clients",
                  [this](daphnis::uv::Handshakes::Done done) {
                    on_client(std::make_unique<TlsSocket>(driven(std::move(done.fd)),
                                                          std::move(done.session)),
                              std::move(done.address));
                  }),
      direct_handshakes_(loop, log, "l2s",
                         [this](daphnis::uv::Handshakes::Done done) {
                           DirectPeer peer{.address = std::move(done.address),
                                           .over_tls = true,
                                           .certified_id = done.session->peer_name()};
                           driver_.on_direct(std::make_unique<TlsSocket>(driven(std::move(done.fd)),
                                                                         std::move(done.session)),
                                             std::move(peer), loop_.now_ms());
                         }),
      data_listeners_(
          loop, log, settings.data_listen,
          {.on_l2 = [this](UniqueFd fd, bool is_tls) { on_data_port(std::move(fd), is_tls); },
           .on_change =
               [this](DataPorts ports) {
                 driver_.core().set_data_ports(ports);
                 driver_.after_input(loop_.now_ms());
               }}),
      timer_(loop, [this] { driver_.on_time(loop_.now_ms()); }),
      tick_(loop, [this] { on_tick(); }),
      terminate_(loop, SIGTERM, [this] { driver_.on_end_asked(loop_.now_ms()); }),
      interrupt_(loop, SIGINT, [this] { driver_.on_end_asked(loop_.now_ms()); }),
      each_turn_(loop, [this] { log_.flush(); }),
      link_(loop, settings.socket_path, link_events()) {
  driver_.core().set_cache_reads(cache_reads_);
  driver_.core().set_deny_tables(deny_tables_);
  driver_.core().set_busy_time(daphnis::uv::busy_time_us);
  driver_.core().on_wall_clock(std::time(nullptr));
}

BrokerLink::Events Shell::link_events() {
  return {.on_connected = [this] { driver_.on_broker_connected(loop_.now_ms()); },
          .on_message =
              [this](const ipc::BrokerToWorker& message, UniqueFd socket) {
                return driver_.on_broker_message(
                    message, socket ? driven(std::move(socket)) : nullptr, loop_.now_ms());
              },
          .on_closed =
              [this](const std::string& why) { driver_.on_broker_closed(why, loop_.now_ms()); }};
}

void Shell::start() {
  tick_.start(kTickMs, kTickMs);
  log_.info(LogLine("started")
                .add("listen", settings_.listen.text())
                .add("socket", settings_.socket_path)
                .add("index", settings_.index));
  use(std::exchange(settings_.tls_contexts, {}));
  driver_.start(addresses(), loop_.now_ms());
  data_listeners_.open();
}

void Shell::reload() {
  if (settings_.tls.certificates.empty()) return;
  auto contexts = daphnis::uv::reread_server_contexts(settings_.tls, log_);
  if (contexts) use(std::move(*contexts));
}

void Shell::use(daphnis::uv::ServerContexts contexts) {
  handshakes_.set_context(std::move(contexts.for_clients));
  direct_handshakes_.set_context(std::move(contexts.for_l2s));
}

std::vector<std::string> Shell::addresses() const {
  std::vector<std::string> all{settings_.listen.text()};
  if (settings_.tls_listen) all.push_back(std::string(kTls) + settings_.tls_listen->text());
  if (settings_.proxy_listen) all.push_back(std::string(kProxy) + settings_.proxy_listen->text());
  return all;
}

void Shell::fail_start(const Error& error) {
  log_.error(LogLine("start_failed").add("why", error.text()));
  // Status 2 says that another start is of no use.
  exit_status_ = error.code == Errc::kInvalid ? 2 : 1;
  loop_.stop();
}

std::unique_ptr<DrivenSocket> Shell::driven(UniqueFd fd) {
  return std::make_unique<Socket>(loop_, std::move(fd));
}

void Shell::on_client(std::unique_ptr<DrivenSocket> socket, std::string address) {
  driver_.on_client(std::move(socket), std::move(address), loop_.now_ms());
}

void Shell::give_back(const ipc::ReturnSocket& message, std::unique_ptr<DrivenSocket> socket) {
  link_.send(message, release(*socket));
}

void Shell::start_handshake(std::unique_ptr<DrivenSocket> socket, const std::string& address) {
  // A broker passes nothing on to a worker that has not said that it has certificates.
  if (direct_handshakes_.has_context()) direct_handshakes_.add(release(*socket), address);
}

void Shell::accept_on(const std::string& address, UniqueFd listener, std::string_view from) {
  const uint64_t cookie = daphnis::uv::socket_cookie(listener.get());
  if (listeners_.contains(cookie)) return;
  log_.info(LogLine("listening").add("listen", address).add("from", from));
  listeners_.emplace(cookie, std::make_unique<ClientListener>(loop_, std::move(listener),
                                                              [this, address](UniqueFd fd) {
                                                                on_accepted(address, std::move(fd));
                                                              }));
}

void Shell::on_accepted(const std::string& address, UniqueFd fd) {
  if (address.starts_with(kProxy)) return greetings_.add(std::move(fd));
  std::string peer = daphnis::uv::peer_host(fd.get());
  if (!address.starts_with(kTls)) return on_client(driven(std::move(fd)), std::move(peer));
  handshakes_.add(std::move(fd), std::move(peer));
}

void Shell::on_data_port(UniqueFd fd, bool is_tls) {
  std::string address = daphnis::uv::peer_host(fd.get());
  if (is_tls) return direct_handshakes_.add(std::move(fd), std::move(address));
  driver_.on_direct(driven(std::move(fd)), {.address = std::move(address)}, loop_.now_ms());
}

void Shell::accept_on(const std::string& address, std::unique_ptr<DrivenSocket> socket) {
  accept_on(address, release(*socket), "broker");
}

std::optional<uint64_t> Shell::bind_listener(const std::string& address) {
  const bool is_tls = address.starts_with(kTls);
  const bool is_proxy = address.starts_with(kProxy);
  auto bound = ClientListener::bind(is_tls     ? *settings_.tls_listen
                                    : is_proxy ? *settings_.proxy_listen
                                               : settings_.listen);
  if (!bound) {
    fail_start(bound.error());
    return std::nullopt;
  }
  const uint64_t cookie = daphnis::uv::socket_cookie(bound->get());
  accept_on(address, std::move(*bound), "bound");
  return cookie;
}

void Shell::offer_listener(const ipc::Listening& offer) {
  const auto found = listeners_.find(offer.cookie);
  if (found == listeners_.end()) return;
  link_.send(offer, daphnis::uv::copy_of(found->second->fd()));
}

void Shell::close_listener(uint64_t cookie) {
  const auto found = listeners_.find(cookie);
  if (found == listeners_.end()) return;
  found->second->accept_waiting();
  listeners_.erase(found);
}

void Shell::accept_waiting() {
  for (const auto& [cookie, listener] : listeners_) listener->accept_waiting();
}

void Shell::set_timer(uint64_t at_ms) {
  if (at_ms == kNever) return timer_.stop();
  const uint64_t now_ms = loop_.now_ms();
  timer_.start(at_ms > now_ms ? at_ms - now_ms : 0);
}

void Shell::on_tick() {
  const uint64_t now_ms = loop_.now_ms();
  // The worker that follows opens these ports once this one has closed them.
  if (!driver_.core().is_draining()) {
    data_listeners_.open();
  } else if (!driver_.core().awaits_direct()) {
    data_listeners_.close();
  }
  if (now_ms >= descriptors_counted_ms_ + kDescriptorsMs) {
    descriptors_counted_ms_ = now_ms;
    gauges_.descriptors = static_cast<uint32_t>(daphnis::uv::open_descriptors());
  }
  gauges_.rss_bytes = daphnis::uv::resident_bytes();
  gauges_.log_lines_dropped = log_.lines_dropped();
  gauges_.proxies_refused = greetings_.refused();
  gauges_.handshakes_full = handshakes_.counts().full;
  gauges_.handshakes_resumed = handshakes_.counts().resumed;
  gauges_.handshakes_failed = handshakes_.counts().failed;
  driver_.on_tick(std::time(nullptr), gauges_, now_ms);
}

}  // namespace daphnis::worker::uv
