#include "tests/sim/edge/worker_node.h"

#include <utility>

namespace daphnis::sim {
namespace {

constexpr uint64_t kTickMs = 2'000;
constexpr uint64_t kRetryMs = 150;

}  // namespace

WorkerNode::WorkerNode(Scene& scene, uint32_t index, const worker::Settings& settings,
                       Dial dial_broker)
    : scene_(scene),
      name_("worker " + std::to_string(index)),
      pid_(++scene.last_pid),
      dial_broker_(std::move(dial_broker)),
      disk_(scene, {.on_job_done =
                        [this](worker::FileJobDone done) {
                          core_->on_file_job_done(std::move(done), scene_.clock.now_ms());
                          after_input();
                        },
                    .on_look =
                        [this](worker::CacheQueryId id, worker::CacheLook look) {
                          core_->on_cache_look(id, std::move(look), scene_.clock.now_ms());
                          after_input();
                        },
                    .on_read =
                        [this](worker::CacheQueryId id, worker::CacheRead read) {
                          core_->on_cache_read(id, std::move(read), scene_.clock.now_ms());
                          after_input();
                        }}),
      core_(std::make_unique<worker::Worker>(settings, index, pid_,
                                             [this](std::span<uint8_t> out) {
                                               for (uint8_t& byte : out) {
                                                 byte = static_cast<uint8_t>(scene_.chance.bits());
                                               }
                                             })),
      timer_(scene.clock,
             [this] {
               if (!core_->on_time(scene_.clock.now_ms())) {
                 scene_.fail(name_ + " finds the broker silent");
               }
               after_input();
             }),
      tick_(scene.clock, [this] { on_tick(); }),
      retry_(scene.clock, [this] { connect(); }) {
  scene_.pids.insert(pid_);
  core_->set_cache_reads(disk_);
  core_->on_wall_clock(scene_.wall_s());
  tick_.after(kTickMs);
  retry_.after(scene.chance.below(20));
}

WorkerNode::~WorkerNode() {
  // The process is killed: it sends nothing more, and the kernel closes its sockets.
  sockets_.clear();
  ipc_.reset();
  scene_.pids.erase(pid_);
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
                     .on_closed = [this] { drop_broker(); }});
  core_->on_broker_connected(scene_.clock.now_ms());
  after_input();
}

void WorkerNode::drop_broker() {
  scene_.trace("{} lost its broker", name_);
  ipc_.reset();
  ledger_.reset();
  retry_.after(kRetryMs);
  core_->on_broker_closed(scene_.clock.now_ms());
  after_input();
}

void WorkerNode::on_frame(Bytes payload, std::unique_ptr<Socket> socket) {
  const auto message = ipc_->codec().decode_broker_to_worker(payload);
  if (!message) return scene_.fail(name_ + " was sent a malformed message");
  ledger_->on_received(*message);
  scene_.trace_words(name_ + " <", *message);
  if (const auto* handoff = std::get_if<ipc::Handoff>(&*message)) {
    scene_.trace("{} gets {} of fetch {}{}", name_, text_of(handoff->attempt_id), handoff->fetch_id,
                 socket ? "" : " without a socket");
    if (socket && socket->cookie() != handoff->cookie) socket.reset();
  }
  worker::Connection* stream = nullptr;
  const bool is_fine =
      core_->on_broker_message(*message, socket != nullptr, scene_.clock.now_ms(), &stream);
  if (!is_fine) return scene_.fail(name_ + " drops its broker: " + core_->broker_problem());
  if (stream) add_socket(std::move(socket), *stream);
  after_input();
}

void WorkerNode::on_client(std::unique_ptr<Socket> socket) {
  worker::Connection* connection = core_->on_client(socket->address(), scene_.clock.now_ms());
  if (connection) add_socket(std::move(socket), *connection);
  after_input();
}

void WorkerNode::add_socket(std::unique_ptr<Socket> socket, worker::Connection& connection) {
  auto made = std::make_unique<WorkerSocket>(scene_, std::move(socket), connection,
                                             [this](WorkerSocket& used) {
                                               sync(used);
                                               after_input();
                                             });
  WorkerSocket& added = *made;
  sockets_.emplace(connection.id(), std::move(made));
  sync(added);
}

void WorkerNode::sync(WorkerSocket& socket) {
  const WorkerSocket::Fate fate = socket.sync();
  if (fate == WorkerSocket::Fate::kStays) return;
  worker::Connection& connection = socket.connection();
  if (fate == WorkerSocket::Fate::kGivenBack) {
    const auto message = core_->give_back(connection);
    std::unique_ptr<Socket> returned = socket.release();
    if (message && ipc_) {
      ++scene_.tally.sockets_returned;
      if (!message->surplus.empty()) ++scene_.tally.surplus_returned;
      send(*message, std::move(returned));
    }
  }
  sockets_.erase(connection.id());
  core_->forget(connection, scene_.clock.now_ms());
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

void WorkerNode::after_input() {
  for (auto woken = core_->take_woken(); !woken.empty(); woken = core_->take_woken()) {
    for (const worker::Connection* connection : woken) {
      const auto found = sockets_.find(connection->id());
      if (found != sockets_.end()) sync(*found->second);
    }
  }
  for (worker::FileJob& job : core_->take_file_jobs()) {
    scene_.trace_words(name_, job);
    disk_.start(std::move(job));
  }
  for (const ipc::WorkerToBroker& message : core_->take_messages()) send(message);
  for (const LogLine& line : core_->take_access_lines()) {
    scene_.trace("{}: {}", name_, line.text());
    scene_.note(line.text().size());
  }
  const uint64_t next_ms = core_->next_call_ms();
  if (next_ms == worker::kNever) return timer_.stop();
  timer_.at(next_ms);
}

void WorkerNode::on_tick() {
  tick_.after(kTickMs);
  core_->on_wall_clock(scene_.wall_s());
  for (const auto& [id, socket] : sockets_) socket->on_tick();
  core_->send(core_->stats());
  after_input();
}

void WorkerNode::check_quiet() {
  const ipc::WorkerStats stats = core_->stats();
  if (stats.fetches != 0) scene_.fail(fmt::format("{} still has {} fetches", name_, stats.fetches));
  if (stats.clients != 0) scene_.fail(fmt::format("{} still has {} clients", name_, stats.clients));
  if (!core_->is_empty()) scene_.fail(name_ + " still has streams");
  if (!sockets_.empty()) scene_.fail(name_ + " still has sockets");
  if (!disk_.is_idle()) scene_.fail(name_ + " still works on files");
  if (ledger_) ledger_->check_quiet();
}

}  // namespace daphnis::sim
