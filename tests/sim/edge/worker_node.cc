#include "tests/sim/edge/worker_node.h"

#include <utility>

namespace daphnis::sim {
namespace {

constexpr uint64_t kTickMs = 2'000;
constexpr uint64_t kRetryMs = 150;

/// The socket of the simulation in a socket that a WorkerNode made.
std::unique_ptr<Socket> release(worker::DrivenSocket& socket) {
  return static_cast<WorkerSocket&>(socket).release();
}

}  // namespace

WorkerNode::WorkerNode(Scene& scene, uint32_t index, const worker::Settings& settings,
                       Dial dial_broker)
    : scene_(scene),
      name_("worker " + std::to_string(index)),
      pid_(++scene.last_pid),
      dial_broker_(std::move(dial_broker)),
      disk_(scene, {.on_job_done =
                        [this](worker::FileJobDone done) {
                          driver_.on_file_job_done(std::move(done), scene_.clock.now_ms());
                        },
                    .on_look =
                        [this](worker::CacheQueryId id, worker::CacheLook look) {
                          driver_.on_cache_look(id, std::move(look), scene_.clock.now_ms());
                        },
                    .on_read =
                        [this](worker::CacheQueryId id, worker::CacheRead read) {
                          driver_.on_cache_read(id, std::move(read), scene_.clock.now_ms());
                        }}),
      buffers_(scene.pool),
      driver_({.worker = settings, .index = index, .pid = pid_}, *this, buffers_,
              [this](std::span<uint8_t> out) {
                for (uint8_t& byte : out) byte = static_cast<uint8_t>(scene_.chance.bits());
              }),
      timer_(scene.clock, [this] { driver_.on_time(scene_.clock.now_ms()); }),
      tick_(scene.clock, [this] { on_tick(); }),
      retry_(scene.clock, [this] { connect(); }) {
  scene_.pids.insert(pid_);
  driver_.core().set_cache_reads(disk_);
  driver_.core().on_wall_clock(scene_.wall_s());
  tick_.after(kTickMs);
  retry_.after(scene.chance.below(20));
}

WorkerNode::~WorkerNode() {
  // The process is killed: it sends nothing more, and the kernel closes its sockets.
  scene_.pids.erase(pid_);
  const ipc::WorkerStats stats = core().stats();
  scene_.tally.readers_cut += stats.readers_cut;
  scene_.tally.loners += stats.readers_left;
  scene_.tally.yields += stats.yields;
}

void WorkerNode::connect() {
  std::unique_ptr<Socket> socket = dial_broker_();
  if (!socket) return retry_.after(kRetryMs);
  ledger_.emplace(scene_, name_);
  ipc_ = std::make_unique<IpcEnd>(
      scene_, std::move(socket),
      IpcEnd::Events{.on_frame =
                         [this](Bytes payload, std::unique_ptr<Socket> from_broker) {
                           on_frame(payload, std::move(from_broker));
                         },
                     .on_closed = [this] { on_broker_lost(); }});
  driver_.on_broker_connected(scene_.clock.now_ms());
}

void WorkerNode::on_broker_lost() {
  scene_.trace("{} lost its broker", name_);
  ipc_.reset();
  ledger_.reset();
  retry_.after(kRetryMs);
  driver_.on_broker_closed("", scene_.clock.now_ms());
}

void WorkerNode::drop_broker(const std::string& why) {
  scene_.fail(name_ + " drops its broker: " + why);
}

void WorkerNode::on_frame(Bytes payload, std::unique_ptr<Socket> socket) {
  const auto message = ipc_->codec().decode_broker_to_worker(payload);
  if (!message) return scene_.fail(name_ + " was sent a malformed message");
  ledger_->on_received(*message);
  scene_.trace_words(name_ + " <", *message);
  if (const auto* handoff = std::get_if<ipc::Handoff>(&*message)) {
    scene_.trace("{} gets {} of fetch {}{}", name_, text_of(handoff->attempt_id), handoff->fetch_id,
                 socket ? "" : " without a socket");
  }
  const bool is_fine = driver_.on_broker_message(
      *message, socket ? driven(std::move(socket)) : nullptr, scene_.clock.now_ms());
  if (!is_fine) drop_broker(core().broker_problem());
}

std::unique_ptr<worker::DrivenSocket> WorkerNode::driven(std::unique_ptr<Socket> socket) {
  return std::make_unique<WorkerSocket>(scene_, std::move(socket), buffers_);
}

void WorkerNode::on_client(std::unique_ptr<Socket> socket) {
  const std::string address = socket->address();
  driver_.on_client(driven(std::move(socket)), address, scene_.clock.now_ms());
}

void WorkerNode::give_back(const ipc::ReturnSocket& message,
                           std::unique_ptr<worker::DrivenSocket> socket) {
  if (!ipc_) return;
  ++scene_.tally.sockets_returned;
  if (!message.surplus.empty()) ++scene_.tally.surplus_returned;
  send(message, release(*socket));
}

void WorkerNode::send(std::span<const ipc::WorkerToBroker> messages) {
  for (const ipc::WorkerToBroker& message : messages) send(message);
}

void WorkerNode::send(const ipc::WorkerToBroker& message, std::unique_ptr<Socket> passenger) {
  if (!ipc_) return;
  ledger_->on_sent(message);
  scene_.trace_words(name_ + " >", message);
  const bool carries = std::holds_alternative<ipc::ReturnSocket>(message);
  ipc_->send(
      ipc_->codec().encode(message, carries ? ipc::Carries::kDescriptor : ipc::Carries::kNothing),
      std::move(passenger));
}

std::optional<uint64_t> WorkerNode::bind_listener(const std::string&) {
  fail_to_listen();
  return std::nullopt;
}

void WorkerNode::start(worker::FileJob job) {
  scene_.trace_words(name_, job);
  disk_.start(std::move(job));
}

void WorkerNode::set_timer(uint64_t at_ms) {
  if (at_ms == worker::kNever) return timer_.stop();
  timer_.at(at_ms);
}

void WorkerNode::log(LogLevel, const LogLine& line) {
  scene_.trace("{}: {}", name_, line.text());
}

void WorkerNode::log_access(const LogLine& line) {
  scene_.trace("{}: {}", name_, line.text());
  scene_.note(line.text().size());
}

void WorkerNode::on_tick() {
  tick_.after(kTickMs);
  driver_.on_tick(scene_.wall_s(), {}, scene_.clock.now_ms());
}

void WorkerNode::check_quiet() {
  const ipc::WorkerStats stats = core().stats();
  if (stats.fetches != 0) scene_.fail(fmt::format("{} still has {} fetches", name_, stats.fetches));
  if (stats.loners != 0) scene_.fail(fmt::format("{} still has {} loners", name_, stats.loners));
  if (stats.clients != 0) scene_.fail(fmt::format("{} still has {} clients", name_, stats.clients));
  if (!core().is_empty()) scene_.fail(name_ + " still has streams");
  if (driver_.sockets() != 0) scene_.fail(name_ + " still has sockets");
  if (!disk_.is_idle()) scene_.fail(name_ + " still works on files");
  if (ledger_) ledger_->check_quiet();
}

}  // namespace daphnis::sim
