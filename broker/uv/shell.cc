#include "broker/uv/shell.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/admin/admin.h"
#include "broker/admin/attempt_line.h"
#include "broker/uv/wall_time.h"
#include "common/base/check.h"

namespace daphnis::broker::uv {
namespace {

constexpr uint64_t kProbeEveryMs = 100;
constexpr uint64_t kStatsEveryMs = 1'000;
constexpr uint64_t kSnapshotEverySeconds = 300;
constexpr uint64_t kStopCheckMs = 20;  ///< The last frames to workers get this time, too.

Settings with_attempts(Settings settings, bool records_attempts) {
  settings.records_attempts = records_attempts;
  return settings;
}

uint64_t lines_dropped(const std::unique_ptr<LineFile>& file) {
  return file ? file->lines_dropped() : 0;
}

}  // namespace

Shell::Shell(daphnis::uv::Loop& loop, daphnis::uv::Log& log, Settings settings,
             ShellSettings shell_settings)
    : loop_(loop),
      log_(log),
      shell_settings_(std::move(shell_settings)),
      broker_(with_attempts(std::move(settings), !shell_settings_.attempts_file.empty()),
              [this] {
                Uuid bytes{};
                random_.fill(bytes);
                return bytes;
              }),
      l2s_(loop, {.on_bytes =
                      [this](ConnId id, Bytes bytes) {
                        broker_.on_l2_bytes(id, bytes, loop_.now_ms());
                        carry_out();
                      },
                  .on_unsent =
                      [this](ConnId id, size_t unsent_bytes) {
                        broker_.on_l2_unsent(id, unsent_bytes, loop_.now_ms());
                        carry_out();
                      },
                  .on_closed =
                      [this](ConnId id, const std::string& why) {
                        broker_.on_l2_closed(id, why, loop_.now_ms());
                        carry_out();
                      }}),
      workers_(loop, {.on_message =
                          [this](WorkerId id, ipc::WorkerToBroker message,
                                 daphnis::uv::UvPtr<uv_tcp_t> socket) {
                            on_worker_message({id, std::move(message), std::move(socket)});
                          },
                      .on_malformed =
                          [this](WorkerId id) {
                            take_all_held();
                            broker_.on_worker_malformed(id, loop_.now_ms());
                            carry_out();
                          },
                      .on_closed =
                          [this](WorkerId id, const std::string& why) {
                            take_all_held();
                            broker_.on_worker_closed(id, why, loop_.now_ms());
                            carry_out();
                          }}),
      after_poll_(loop, [this](size_t count) { take_held(count); }),
      greetings_(loop, log, shell_settings_.trusted_proxies,
                 [this](daphnis::uv::UniqueFd fd, std::string address) {
                   on_l2(l2s_.add(daphnis::uv::tcp_of(loop_, std::move(fd)), std::move(address)));
                 }),
      peeks_(loop, log,
             [this](daphnis::uv::HelloPeeks::Peeked peeked) { on_peeked(std::move(peeked)); }),
      handshakes_(loop, log, "l2s",
                  [this](daphnis::uv::Handshakes::Done done) {
                    on_l2(l2s_.add(daphnis::uv::tcp_of(loop_, std::move(done.fd)),
                                   std::move(done.session), std::move(done.address)));
                  }),
      denylist_reload_(loop, shell_settings_.denylist,
                       [this](Result<ReadDenylist> read) { on_denylist_read(std::move(read)); }),
      timer_(loop,
             [this] {
               armed_ms_ = 0;
               broker_.on_timer(loop_.now_ms());
               carry_out();
             }),
      probe_(loop, [this] { on_probe(); }),
      second_(loop, [this] { on_second(); }),
      stop_(loop, [this] {
        // Connections that linger have deadlines of their own, so this ends.
        if (broker_.l2_server().connections() == 0) loop_.stop();
      }) {
  broker_.set_busy_time(daphnis::uv::busy_time_us);
}

Shell::~Shell() = default;

Result<void> Shell::start() {
  descriptors_max_ = daphnis::uv::raise_descriptor_limit();
  started_ms_ = loop_.now_ms();
  if (auto opened = open_line_files(); !opened) return opened;
  broker_.on_second(wall_seconds(), loop_.now_ms());
  auto auth = read_l2_auth(shell_settings_.auth);
  if (!auth) return std::unexpected(auth.error());
  broker_.set_auth(std::move(*auth), loop_.now_ms());
  if (auto opened = open_folder(); !opened) return opened;
  if (auto opened = open_denylist(); !opened) return opened;
  if (auto listening = listen(); !listening) return listening;
  if (folder_ && !broker_.settings().cache_dir.empty()) folder_->start_scan();
  probe_due_ms_ = loop_.now_ms() + kProbeEveryMs;
  probe_.start(kProbeEveryMs);
  second_.start(kStatsEveryMs, kStatsEveryMs);
  return {};
}

Result<void> Shell::listen() {
  // The workers' socket comes first, since its lock keeps a second broker from the ports.
  auto workers = daphnis::uv::IpcListener::create(
      loop_, shell_settings_.socket, [this](daphnis::uv::UvPtr<uv_pipe_t> pipe) {
        const auto id = workers_.add(std::move(pipe));
        if (!id) {
          log_.warn(LogLine("worker_refused").add("reason", "it runs as another user"));
          return;
        }
        broker_.on_worker_connected(*id, loop_.now_ms());
        carry_out();
      });
  if (!workers) return std::unexpected(workers.error());
  worker_listener_ = std::move(*workers);
  if (auto listening = listen_for_l2s(); !listening) return listening;
  const auto address = daphnis::uv::parse_address(shell_settings_.admin_listen);
  if (!address) return std::unexpected(address.error());
  auto admin = AdminServer::create(
      loop_, *address,
      {.reply =
           [this](const http::Head& head, std::string_view body) {
             AdminReply reply = admin_reply(head, body, broker_, gauges(), loop_.now_ms());
             log_.set_level(broker_.log_level());
             carry_out();
             return reply;
           },
       .more = [this](uint64_t& cursor) { return admin_more(broker_, cursor); }});
  if (!admin) return std::unexpected(admin.error());
  admin_ = std::move(*admin);
  return {};
}

Result<void> Shell::listen_for_l2s() {
  const auto add = [&](const std::string& text, auto on_connection) -> Result<void> {
    const auto address = daphnis::uv::parse_address(text);
    if (!address) return std::unexpected(address.error());
    auto listener = daphnis::uv::TcpListener::create(loop_, *address, std::move(on_connection));
    if (!listener) return std::unexpected(listener.error());
    l2_ports_.push_back((*listener)->port());
    l2_listeners_.push_back(std::move(*listener));
    return {};
  };
  for (const std::string& text : shell_settings_.l2_listen) {
    const auto on_connection = [this](daphnis::uv::UvPtr<uv_tcp_t> tcp) {
      on_l2(l2s_.add(std::move(tcp)));
    };
    if (auto added = add(text, on_connection); !added) return added;
  }
  for (const std::string& text : shell_settings_.l2_proxy_listen) {
    // The header is read past libuv, which would read further than its end.
    const auto on_connection = [this](const daphnis::uv::UvPtr<uv_tcp_t>& tcp) {
      if (auto fd = daphnis::uv::copy_of(daphnis::uv::fd_of(*tcp))) greetings_.add(std::move(fd));
    };
    if (auto added = add(text, on_connection); !added) return added;
  }
  handshakes_.set_context(std::move(shell_settings_.tls_context));
  for (const std::string& text : shell_settings_.l2_tls_listen) {
    // Handshakes watch the socket themselves, so libuv must not.
    const auto on_connection = [this](const daphnis::uv::UvPtr<uv_tcp_t>& tcp) {
      auto fd = daphnis::uv::copy_of(daphnis::uv::fd_of(*tcp));
      if (fd) on_tls(std::move(fd), daphnis::uv::peer_host(daphnis::uv::fd_of(*tcp)));
    };
    if (auto added = add(text, on_connection); !added) return added;
    const bool is_first = text == shell_settings_.l2_tls_listen.front();
    if (is_first) broker_.set_data_name(shell_settings_.l2_data_name, l2_ports_.back());
  }
  return {};
}

void Shell::on_tls(daphnis::uv::UniqueFd fd, std::string address) {
  if (!shell_settings_.l2_data_name.empty()) return peeks_.add(std::move(fd), std::move(address));
  handshakes_.add(std::move(fd), std::move(address));
}

void Shell::on_peeked(daphnis::uv::HelloPeeks::Peeked peeked) {
  const auto worker = broker_.data_addresses().taker_of(peeked.name);
  if (!worker) return handshakes_.add(std::move(peeked.fd), std::move(peeked.address));
  ++broker_.counters().direct_sockets;
  const ipc::DirectSocket message{.cookie = daphnis::uv::socket_cookie(peeked.fd.get()),
                                  .address = std::move(peeked.address)};
  workers_.send(*worker, message, std::move(peeked.fd));
}

void Shell::on_l2(const L2Sockets::Added& added) {
  broker_.on_l2_connected(added.id, added.peer, loop_.now_ms());
  carry_out();
}

/// Takes a message, or holds it until all that was sent before it has been read. A client that
/// walks a DAG block by block may ask at another worker for what a block links to, as soon as it
/// has the block: the broker is to hear of the links first, which lie in that worker's socket. That
/// costs another poll, so only questions are held that the links may decide.
void Shell::on_worker_message(FromWorker message) {
  const auto* fetch = std::get_if<ipc::Fetch>(&message.message);
  const bool is_held = std::ranges::find(held_, message.worker, &FromWorker::worker) != held_.end();
  if (!is_held && !(fetch && broker_.dispatcher().waits_for_links(fetch->request))) {
    return take(std::move(message));
  }
  held_.push_back(std::move(message));
  after_poll_.start();
}

void Shell::take_held(size_t count) {
  const auto end = held_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<FromWorker> due(std::move_iterator(held_.begin()), std::move_iterator(end));
  held_.erase(held_.begin(), end);
  for (FromWorker& message : due) take(std::move(message));
}

void Shell::take_all_held() {
  after_poll_.stop();
  take_held(held_.size());
}

void Shell::take(FromWorker from) {
  auto& [id, message, socket] = from;
  uv_os_fd_t fd = -1;
  // Where a lost descriptor has paired a returned socket's frame with a listening one, that has
  // another cookie and is closed.
  const bool may_listen = !std::holds_alternative<ipc::ReturnSocket>(message);
  if (socket && may_listen && uv_fileno(reinterpret_cast<uv_handle_t*>(socket.get()), &fd) == 0 &&
      daphnis::uv::is_listening(fd)) {
    const ArrivedListener arrived{.id = ListenerId{++last_listener_},
                                  .cookie = daphnis::uv::socket_cookie(fd)};
    listeners_.emplace(arrived.id, daphnis::uv::copy_of(fd));
    broker_.on_worker_listener(id, std::move(message), arrived, loop_.now_ms());
    return carry_out();
  }
  std::optional<Broker::Arrived> arrived;
  if (socket) {
    auto added = l2s_.add(std::move(socket));
    arrived = Broker::Arrived{added.id, std::move(added.peer)};
  }
  broker_.on_worker_message(id, std::move(message), arrived, loop_.now_ms());
  carry_out();
}

void Shell::carry_out() {
  // A write that the kernel takes at once may let the core send more orders.
  while (broker_.has_commands()) {
    broker_.take_commands(commands_);
    for (Command& command : commands_) carry_out(command);
  }
  arm_timer();
}

void Shell::carry_out(Command& command) {
  if (auto* write = std::get_if<WriteL2>(&command)) {
    const size_t unsent_bytes = l2s_.write(write->conn, std::move(write->bytes));
    broker_.on_l2_unsent(write->conn, unsent_bytes, loop_.now_ms());
  } else if (auto* send = std::get_if<SendWorker>(&command)) {
    workers_.send(send->worker, send->message);
  } else if (auto* hand_off = std::get_if<HandOff>(&command)) {
    // A peer that posts without reading our replies loses its connection. The worker then gets the
    // message without a socket, which ends the attempt.
    auto released = l2s_.release(hand_off->conn);
    hand_off->message.cookie = released.cookie;
    workers_.send(hand_off->worker, std::move(hand_off->message), std::move(released.tcp));
  } else if (const auto* close = std::get_if<CloseL2>(&command)) {
    l2s_.close(close->conn);
  } else if (const auto* shutdown = std::get_if<ShutdownL2>(&command)) {
    l2s_.shutdown(shutdown->conn);
  } else if (const auto* tune = std::get_if<TuneRegistration>(&command)) {
    l2s_.tune_registration(tune->conn, shell_settings_.registration_timeout_ms);
  } else if (const auto* close_worker = std::get_if<CloseWorker>(&command)) {
    workers_.close(close_worker->worker);
  } else if (auto* give = std::get_if<GiveListener>(&command)) {
    workers_.send(give->worker, give->message, listeners_[give->listener].get());
  } else if (const auto* listener = std::get_if<CloseListener>(&command)) {
    listeners_.erase(listener->listener);
  } else if (auto* give_task = std::get_if<GiveTask>(&command)) {
    if (folder_) folder_->add(std::move(give_task->task));
  } else if (const auto* ended = std::get_if<WriteAttempt>(&command)) {
    if (attempts_file_) attempts_file_->write(attempt_line(*ended->record, wall_time()));
  } else if (const auto* log = std::get_if<WriteLog>(&command)) {
    log_.write(log->level, log->line);
  }
}

void Shell::arm_timer() {
  const auto due = broker_.next_deadline();
  if (!due) return;
  // The timer stays where the deadline only moved away: firing in vain costs less than moving it
  // with every request.
  if (armed_ms_ != 0 && armed_ms_ <= *due) return;
  armed_ms_ = *due;
  const uint64_t now = loop_.now_ms();
  timer_.start(*due > now ? *due - now : 0);
}

void Shell::on_probe() {
  uv_update_time(loop_.raw());
  const uint64_t now = loop_.now_ms();
  loop_lag_ms_ = std::max(loop_lag_ms_, now - std::min(now, probe_due_ms_));
  probe_due_ms_ = now + kProbeEveryMs;
  probe_.start(kProbeEveryMs);
}

void Shell::on_second() {
  broker_.on_second(wall_seconds(), loop_.now_ms());
  carry_out();
  if (folder_ && ++seconds_ % kSnapshotEverySeconds == 0) folder_->save_snapshot(entries());
  if (!stats_file_) {
    loop_lag_ms_ = 0;
    return;
  }
  stats_file_->write(stats_writer_.line(
      broker_, gauges(), loop_.now_ms(),
      stats_file_->is_file() ? StatsWriter::Workers::kListed : StatsWriter::Workers::kCounted));
  loop_lag_ms_ = 0;
}

ProcessGauges Shell::gauges() {
  ProcessGauges gauges{.time = wall_time(),
                       .uptime_ms = loop_.now_ms() - started_ms_,
                       .rss_bytes = daphnis::uv::resident_bytes(),
                       .descriptors = daphnis::uv::open_descriptors(),
                       .descriptors_max = descriptors_max_,
                       .cpu_us = daphnis::uv::cpu_time_us(),
                       .loop_lag_ms = loop_lag_ms_,
                       .proxies_refused = greetings_.refused(),
                       .handshakes_full = handshakes_.counts().full,
                       .handshakes_resumed = handshakes_.counts().resumed,
                       .handshakes_failed = handshakes_.counts().failed,
                       .hellos_refused = peeks_.refused(),
                       .relays = l2s_.relays(),
                       .log_lines_dropped = log_.lines_dropped(),
                       .stats_lines_dropped = lines_dropped(stats_file_),
                       .attempt_lines_dropped = lines_dropped(attempts_file_)};
  if (!folder_) return gauges;
  gauges.cache_files_scrubbed = folder_->counts().files_scrubbed;
  gauges.cache_bytes_scrubbed = folder_->counts().bytes_scrubbed;
  gauges.cache_strays_removed = folder_->counts().strays_removed;
  gauges.cache_tasks = folder_->tasks_pending();
  return gauges;
}

void Shell::stop() {
  if (std::exchange(is_stopping_, true)) {
    loop_.stop();
    return;
  }
  log_.info(LogLine("stopping").add("l2s", broker_.registrations().registry().size()));
  l2_listeners_.clear();
  broker_.drain(loop_.now_ms());
  carry_out();
  write_snapshot();
  stop_.start(kStopCheckMs, kStopCheckMs);
}

}  // namespace daphnis::broker::uv
