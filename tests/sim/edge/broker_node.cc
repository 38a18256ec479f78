#include "tests/sim/edge/broker_node.h"

#include <numeric>
#include <optional>
#include <utility>

#include "common/base/limits.h"
#include "common/cachefile/cache_file.h"

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
  core_.on_l2_connected(id, address, cookie, scene_.clock.now_ms());
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
    arrived = {.conn = add(std::move(socket)), .address = address, .cookie = cookie};
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

void BrokerNode::check_bounds() {
  charges_.check(core_.cache());
  size_t at_l2s = 0;
  size_t waiting = 0;
  core_.registrations().registry().for_each([&](const broker::L2& l2) {
    at_l2s += l2.places.attempts().size();
    waiting += l2.waiting.size();
    if (l2.places.taken() > l2.registration.capacity)
      scene_.fail(l2.id() + " is over its capacity");
    const bool takes_orders = l2.has_free_place() && !l2.is_behind(scene_.clock.now_ms());
    if (!l2.waiting.empty() && takes_orders) scene_.fail(l2.id() + " is idle and has a queue");
  });
  const broker::Dispatcher& dispatcher = core_.dispatcher();
  // Attempts may outlive their L2's registration, never the other way round.
  if (at_l2s > dispatcher.attempts().live()) scene_.fail("an L2 has an attempt nobody knows");
  if (waiting != dispatcher.waiting()) scene_.fail("the queues do not hold what waits");
  if (dispatcher.attempts().remembered() > limits::kAttemptsRememberedMax) {
    scene_.fail("too many finished attempts are remembered");
  }
  for (const auto& [id, worker] : core_.workers().all()) {
    if (worker.handoffs_awaiting > limits::kHandoffsAwaitingMax) {
      scene_.fail("too many hand-offs await one worker");
    }
  }
}

void BrokerNode::check_quiet() {
  const auto expect_none = [this](size_t count, const char* what) {
    if (count != 0) scene_.fail(fmt::format("the broker still has {} {}", count, what));
  };
  const broker::Dispatcher& dispatcher = core_.dispatcher();
  expect_none(dispatcher.fetches(), "fetches");
  expect_none(dispatcher.attempts().live(), "attempts");
  expect_none(dispatcher.waiting(), "waiting fetches");
  expect_none(core_.joins().followers(), "followers");
  for (const auto& [id, worker] : core_.workers().all()) {
    expect_none(worker.handoffs_awaiting, "awaited hand-offs");
  }
  core_.registrations().registry().for_each(
      [&](const broker::L2& l2) { expect_none(l2.places.taken(), "taken places at an L2"); });
  const size_t l2s = core_.registrations().registry().size();
  expect_none(core_.l2_server().connections() - l2s, "connections besides registrations");
  expect_none(l2s_.size() - l2s, "sockets besides registrations");

  check_files_quiet();
  const broker::Counters& counters = core_.counters();
  const uint64_t failed = std::accumulate(std::begin(counters.fetches_failed),
                                          std::end(counters.fetches_failed), uint64_t{0});
  const uint64_t ended = counters.fetches_served + counters.fetches_cancelled +
                         counters.fetches_given_up + counters.fetches_joined +
                         counters.fetches_cached + failed;
  if (counters.fetches != ended) {
    scene_.fail(fmt::format("{} fetches have ended {} times", counters.fetches, ended));
  }
}

void BrokerNode::check_files_quiet() {
  const broker::Cache& cache = core_.cache();
  const auto expect_none = [this](uint64_t count, const char* what) {
    if (count != 0) scene_.fail(fmt::format("the broker's cache still has {} {}", count, what));
  };
  expect_none(cache.spools(), "spools");
  expect_none(cache.deferred_frees(), "deferred frees");
  expect_none(cache.spool_dir_bytes(), "bytes in the spool folder");
  if (!core_.settings().cache_dir.empty() && !folder_.is_quiet()) scene_.fail("the folder is busy");
  const std::string objects = core_.settings().cache_dir + "/objects/";
  size_t files = 0;
  for (const Disk::InodeRef& inode : scene_.disk.inodes()) {
    const std::string& name = inode->name;
    if (name.starts_with("/cache/quarantine/")) continue;
    if (!name.starts_with("/cache/objects/")) {
      scene_.fail(name.empty() ? "a file is open that has no name" : name + " is still there");
      continue;
    }
    ++files;
    RequestKey key;
    if (!parse_cache_file_name(name.substr(objects.size() + 3), key))
      scene_.fail("a name: " + name);
    const auto entry = cache.index()->find(key);
    if (!entry || entry->size != inode->bytes.size()) scene_.fail(name + " is not in the index");
    const std::string fault = fault_of_file(inode->bytes, key);
    if (!fault.empty()) scene_.fail(name + " is damaged: " + fault);
  }
  if (!cache.index()) return;
  if (cache.index()->entries() != files) scene_.fail("the index knows files that are not there");
  expect_none(cache.index()->reserved_bytes(), "bytes reserved");
  expect_none(cache.index()->waiting_bytes(), "bytes waited for");
  expect_none(cache.index()->deferred_bytes(), "bytes to be freed");
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
