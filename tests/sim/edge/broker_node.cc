#include "tests/sim/edge/broker_node.h"

#include <optional>
#include <utility>

namespace daphnis::sim {

using broker::ConnId;
using broker::WorkerId;

BrokerNode::BrokerNode(Scene& scene, const broker::Settings& settings)
    : scene_(scene),
      core_(settings,
            [this] {
              Uuid bytes;
              for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(scene_.chance.bits());
              return bytes;
            }),
      charges_(scene, settings),
      folder_(scene, settings, [this](const broker::FolderEvent& event) { on_folder(event); }),
      timer_(scene.clock,
             [this] {
               core_.on_timer(scene_.clock.now_ms());
               after_input();
             }),
      second_(scene.clock, [this] { on_second(); }) {
  on_second();
  folder_.open();
  const bool is_shared = core_.cache().exists() && !scene_.chance.one_in(4);
  if (!is_shared) return;
  filter_path_ = fmt::format("filter-{}", scene_.chance.bits());
  const auto filter = std::make_shared<SharedFilter>();
  scene_.filters.emplace(filter_path_, filter);
  core_.cache().set_filter(filter->filter, filter_path_);
}

BrokerNode::~BrokerNode() {
  add_up();
  scene_.filters.erase(filter_path_);
}

ConnId BrokerNode::add(std::unique_ptr<Socket> socket) {
  const ConnId id{++last_id_};
  auto stream = std::make_unique<Stream>(
      scene_, std::move(socket),
      Stream::Events{.on_bytes =
                         [this, id](Bytes bytes) {
                           core_.on_l2_bytes(id, bytes, scene_.clock.now_ms());
                           after_input();
                         },
                     .on_end =
                         [this, id](const std::string& why) {
                           core_.on_l2_closed(id, why, scene_.clock.now_ms());
                           after_input();
                         },
                     .on_taken =
                         [this, id] {
                           report_unsent(id);
                           after_input();
                         }});
  l2s_.emplace(id, std::move(stream));
  return id;
}

void BrokerNode::on_l2(std::unique_ptr<Socket> socket) {
  const std::string address = socket->address();
  const uint64_t cookie = socket->cookie();
  const ConnId id = add(std::move(socket));
  core_.on_l2_connected(id, {.address = address, .cookie = cookie}, scene_.clock.now_ms());
  after_input();
}

void BrokerNode::on_worker(std::unique_ptr<Socket> socket) {
  const WorkerId id{++last_id_};
  auto end = std::make_unique<IpcEnd>(
      scene_, std::move(socket),
      IpcEnd::Events{.on_frame =
                         [this, id](Bytes payload, std::unique_ptr<Socket> returned) {
                           on_frame(id, payload, std::move(returned));
                         },
                     .on_closed =
                         [this, id] {
                           workers_.erase(id);
                           core_.on_worker_closed(id, "closed", scene_.clock.now_ms());
                           after_input();
                         }});
  workers_.emplace(id, std::move(end));
  core_.on_worker_connected(id, scene_.clock.now_ms());
  after_input();
}

void BrokerNode::on_frame(WorkerId worker, Bytes payload, std::unique_ptr<Socket> socket) {
  auto message = workers_.at(worker)->codec().decode_worker_to_broker(payload);
  if (!message) return scene_.fail("the broker was sent a malformed message");
  std::optional<broker::Broker::Arrived> arrived;
  if (socket) {
    const std::string address = socket->address();
    const uint64_t cookie = socket->cookie();
    arrived = {.conn = add(std::move(socket)), .peer = {.address = address, .cookie = cookie}};
  }
  charges_.on_message(worker, *message);
  core_.on_worker_message(worker, std::move(*message), arrived, scene_.clock.now_ms());
  after_input();
}

void BrokerNode::on_folder(const broker::FolderEvent& event) {
  scene_.trace_words("folder >", event);
  charges_.on_event(event);
  core_.on_folder(event, scene_.clock.now_ms());
  after_input();
}

void BrokerNode::on_second() {
  second_.after(1'000);
  core_.on_second(scene_.wall_s(), scene_.clock.now_ms());
  after_input();
}

void BrokerNode::purge(const Cid& root) {
  if (core_.cache().purge(root).entries > 0) ++scene_.tally.purges;
  after_input();
}

void BrokerNode::purge_all() {
  if (core_.cache().purge_all().entries > 0) ++scene_.tally.purges;
  after_input();
}

void BrokerNode::readmit_all() {
  std::vector<broker::L2*> l2s;
  core_.registrations().registry().for_each([&](broker::L2& l2) { l2s.push_back(&l2); });
  for (broker::L2* l2 : l2s) core_.readmit_l2(*l2, scene_.clock.now_ms());
  after_input();
}

void BrokerNode::warm(const Cid& root) {
  if (core_.warmer().add(root) == broker::Warmer::Added::kAccepted) ++scene_.tally.warms;
}

void BrokerNode::set_limit(uint64_t bytes) {
  ++scene_.tally.limits_set;
  charges_.on_limit_set();
  core_.cache().set_limit(bytes);
  after_input();
}

void BrokerNode::after_input() {
  while (core_.has_commands()) {
    std::vector<broker::Command> commands;
    core_.take_commands(commands);
    for (broker::Command& command : commands) carry_out(command);
  }
  if (const auto due = core_.next_deadline()) {
    timer_.at(*due);
  } else {
    timer_.stop();
  }
}

void BrokerNode::carry_out(broker::Command& command) {
  if (auto* write = std::get_if<broker::WriteL2>(&command)) {
    const auto found = l2s_.find(write->conn);
    if (found != l2s_.end()) found->second->write(write->bytes);
    report_unsent(write->conn);
  } else if (auto* send = std::get_if<broker::SendWorker>(&command)) {
    const auto found = workers_.find(send->worker);
    if (found == workers_.end()) return;
    IpcEnd& end = *found->second;
    end.send(end.codec().encode(send->message, ipc::Carries::kNothing));
  } else if (auto* handed = std::get_if<broker::HandOff>(&command)) {
    hand_off(*handed);
  } else if (const auto* close = std::get_if<broker::CloseL2>(&command)) {
    l2s_.erase(close->conn);
  } else if (const auto* shutdown = std::get_if<broker::ShutdownL2>(&command)) {
    const auto found = l2s_.find(shutdown->conn);
    if (found != l2s_.end()) found->second->shutdown();
  } else if (const auto* close_worker = std::get_if<broker::CloseWorker>(&command)) {
    scene_.fail("the broker disconnects a worker");
    workers_.erase(close_worker->worker);
  } else if (auto* given = std::get_if<broker::GiveTask>(&command)) {
    scene_.trace_words("folder <", given->task);
    folder_.add(std::move(given->task));
  } else if (const auto* log = std::get_if<broker::WriteLog>(&command)) {
    scene_.trace("broker: {}", log->line.text());
    scene_.note(log->line.text().size());
  }
}

void BrokerNode::report_unsent(ConnId id) {
  const auto found = l2s_.find(id);
  if (found == l2s_.end()) return;
  core_.on_l2_unsent(id, found->second->unsent_bytes(), scene_.clock.now_ms());
}

void BrokerNode::hand_off(broker::HandOff& command) {
  const auto found = l2s_.find(command.conn);
  if (found == l2s_.end()) return scene_.fail("the broker hands off a socket it has closed");
  std::unique_ptr<Socket> socket;
  if (found->second->unsent_bytes() == 0) socket = found->second->release();
  l2s_.erase(found);
  const auto worker = workers_.find(command.worker);
  if (worker == workers_.end()) return scene_.fail("the broker hands off to a worker that is gone");
  IpcEnd& end = *worker->second;
  end.send(end.codec().encode(std::move(command.message), ipc::Carries::kDescriptor),
           std::move(socket));
}

/// Adds this broker's counters to the run's, also where this broker dies.
void BrokerNode::add_up() {
  const broker::Counters& counters = core_.counters();
  Tally& tally = scene_.tally;
  tally.cache_stores += counters.cache_stores;
  tally.cache_stores_failed += counters.cache_stores_failed;
  tally.cache_stores_double += counters.cache_stores_double;
  tally.cache_evictions += counters.cache_evictions;
  tally.cache_faults += counters.cache_faults;
  tally.cache_quarantined += counters.cache_quarantined;
  tally.cache_downs += counters.cache_downs;
  tally.fetches_cached += counters.fetches_cached;
  tally.fetches_joined += counters.fetches_joined;
  tally.reservations_refused += counters.reservations_refused;
  tally.spools_lost += counters.spools_lost;
}

}  // namespace daphnis::sim
