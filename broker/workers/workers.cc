#include "broker/workers/workers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/names.h"
#include "common/ipc/each_field.h"

namespace daphnis::broker {
namespace {

/// The first version whose workers know what may not be served.
constexpr uint16_t kDenylistVersion = 7;

/// Adds every counter and every gauge.
void add(ipc::WorkerStats& to, const ipc::WorkerStats& from) {
  std::vector<uint64_t> values;
  from.fields(from, ipc::EachField{[&](uint64_t value) { values.push_back(value); }});
  auto value = values.begin();
  to.fields(to, ipc::EachField{[&]<class Sum>(Sum& sum) { sum += static_cast<Sum>(*value++); }});
}

/// What stays of a worker that is gone.
ipc::WorkerStats without_gauges(ipc::WorkerStats stats) {
  stats.clients = stats.fetches = stats.descriptors = stats.loners = 0;
  stats.rss_bytes = 0;
  return stats;
}

}  // namespace

/// Carries out a message of an admitted worker. A call returns false where the message makes no
/// sense.
struct Workers::Handler {
  Workers& workers;
  Worker& worker;
  Brought& brought;
  std::vector<uint8_t>& surplus;
  bool& adopts;
  uint64_t now_ms;

  Dispatcher& dispatcher() const { return workers.dispatcher_; }

  bool operator()(const ipc::Hello&) const { return false; }
  bool operator()(ipc::Fetch& message) const {
    return is_plausible(message) && workers.joins_.on_fetch(worker.id, std::move(message), now_ms);
  }
  bool operator()(const ipc::CancelFetch& message) const {
    workers.joins_.on_cancel(worker.id, WorkerFetchId{message.fetch_id}, now_ms);
    return true;
  }
  bool operator()(const ipc::HandoffTaken& message) const {
    workers.release_handoff(worker, dispatcher().on_handoff_taken(worker.id, message.attempt_id));
    return true;
  }
  bool operator()(const ipc::AttemptEnded& message) const {
    workers.release_handoff(worker, dispatcher().on_attempt_ended(worker.id, message, now_ms));
    return true;
  }
  bool operator()(const ipc::FetchStalled& message) const {
    dispatcher().on_stalled(worker.id, WorkerFetchId{message.fetch_id}, message.resume, now_ms);
    return true;
  }
  bool operator()(const ipc::Links& message) const {
    if (message.keys.size() > ipc::kLinksMax) return false;
    dispatcher().on_links(worker.id, message);
    return true;
  }
  bool operator()(const ipc::DirectReady& ready) const {
    workers.context_.data_addresses.set(worker.id, worker.index, ready, workers.context_.random());
    return true;
  }
  bool operator()(const ipc::AttemptQuestion& question) const {
    dispatcher().on_attempt_question(worker.id, question, now_ms);
    return true;
  }
  bool operator()(const ipc::DirectDelivery& message) const {
    dispatcher().on_direct_delivery(worker.id, message, now_ms);
    return true;
  }
  bool operator()(ipc::ReturnSocket& message) const {
    // libuv drops a descriptor silently where the process has none free, so the socket may be
    // missing or be that of another frame (DESIGN 4a).
    adopts = brought.returned_cookie != 0 && message.cookie == brought.returned_cookie;
    Counters& counters = workers.context_.counters;
    ++(adopts ? counters.sockets_returned : counters.sockets_lost);
    surplus = std::move(message.surplus);
    return true;
  }
  bool operator()(const ipc::WorkerStats& message) const {
    if (message.shed > worker.stats.shed) dispatcher().on_worker_shed(now_ms);
    worker.stats = message;
    return true;
  }
  bool operator()(const ipc::BroadcastDone& message) const {
    worker.broadcast_done = std::max(worker.broadcast_done, message.broadcast_id);
    return true;
  }
  bool operator()(const ipc::DenylistTaken& message) const {
    worker.denylist_id = message.denylist_id;
    return true;
  }
  bool operator()(const ipc::Denied& message) const {
    const auto root = Cid::from_bytes(message.root);
    if (!root || message.by.rule == 0) return false;
    const auto line = workers.context_.denials.note(message.by, *root, now_ms);
    if (line) workers.context_.out.log(LogLevel::kInfo, *line);
    return true;
  }
  bool operator()(const ipc::FetchProgress& message) const {
    return workers.joins_.on_progress(worker.id, message, now_ms);
  }
  bool operator()(const ipc::Listening& message) const {
    workers.listeners_.on_listening(worker.id, message, std::exchange(brought.listener, {}),
                                    now_ms);
    return true;
  }
  bool operator()(const ipc::ListenersWanted& message) const {
    workers.listeners_.on_wanted(worker.id, message, now_ms);
    return true;
  }
  bool operator()(const ipc::ListenerTaken& message) const {
    workers.listeners_.on_taken(worker.id, message, now_ms);
    return true;
  }
  bool operator()(const ipc::Leaving&) const {
    worker.is_leaving = true;
    workers.listeners_.on_leaving(worker.id, now_ms);
    return true;
  }
  /// All other messages are about the cache.
  bool operator()(const auto& message) const {
    return workers.cache_.on_message(worker.id, message, now_ms);
  }
  bool operator()(const ipc::Ping& message) const {
    workers.context_.tell(worker.id, ipc::Pong{message.sequence});
    return true;
  }
  bool operator()(const ipc::Pong&) const { return true; }
};

void Workers::on_connected(WorkerId id, uint64_t now_ms) {
  if (workers_.size() >= limits::kWorkersMax) {
    ++context_.counters.workers_refused;
    context_.tell(id, ipc::Refused{"this broker serves no more workers"});
    context_.out.push(CloseWorker{id});
    return;
  }
  Worker& worker = workers_[id];
  worker.id = id;
  worker.connected_ms = worker.heard_ms = now_ms;
  context_.timers.set(worker.timer, TimerKind::kWorker, static_cast<uint64_t>(id),
                      now_ms + context_.settings.hello_ms);
}

bool Workers::on_message(WorkerId id, ipc::WorkerToBroker message, Brought brought,
                         std::vector<uint8_t>& surplus, uint64_t now_ms) {
  const auto found = workers_.find(id);
  const bool adopts =
      found != workers_.end() && handle(found->second, message, brought, surplus, now_ms);
  // A listening socket that the message did not take is closed.
  if (brought.listener) context_.out.push(CloseListener{brought.listener->id});
  return adopts;
}

bool Workers::handle(Worker& worker, ipc::WorkerToBroker& message, Brought& brought,
                     std::vector<uint8_t>& surplus, uint64_t now_ms) {
  on_heard(worker, now_ms);
  bool adopts = false;
  bool is_fine = true;
  if (worker.is_admitted) {
    is_fine = std::visit(Handler{*this, worker, brought, surplus, adopts, now_ms}, message);
  } else if (const auto* hello = std::get_if<ipc::Hello>(&message)) {
    admit(worker, *hello, now_ms);
  } else {
    is_fine = false;
  }
  if (!is_fine) end_malformed(worker, now_ms);
  return adopts;
}

void Workers::on_malformed(WorkerId id, uint64_t now_ms) {
  const auto found = workers_.find(id);
  if (found != workers_.end()) end_malformed(found->second, now_ms);
}

void Workers::end_malformed(Worker& worker, uint64_t now_ms) {
  ++context_.counters.workers_malformed;
  end(worker, "it sent a message that makes no sense", now_ms);
}

void Workers::admit(Worker& worker, const ipc::Hello& hello, uint64_t now_ms) {
  worker.index = hello.index;
  worker.pid = hello.pid;
  const bool overlaps = hello.version_min <= ipc::kVersion && hello.version_max >= ipc::kVersionMin;
  if (!overlaps) {
    ++context_.counters.workers_refused;
    const std::string reason =
        "the broker speaks IPC versions " + std::to_string(ipc::kVersionMin) + " to " +
        std::to_string(ipc::kVersion) + ", the worker " + std::to_string(hello.version_min) +
        " to " + std::to_string(hello.version_max) + ": install the same release for both";
    context_.tell(worker.id, ipc::Refused{reason});
    end(worker, reason, now_ms);
    return;
  }
  const ipc::DenylistPlace& denylist = context_.denials.list().place;
  if (denylist.id != 0 && hello.version_max < kDenylistVersion) {
    ++context_.counters.workers_refused;
    const std::string reason =
        "there is a list of what may not be served, which the worker's version does not know";
    context_.tell(worker.id, ipc::Refused{reason});
    end(worker, reason, now_ms);
    return;
  }
  ++context_.counters.workers_admitted;
  worker.is_admitted = true;
  worker.version = std::min(hello.version_max, ipc::kVersion);
  const Settings& settings = context_.settings;
  context_.tell(worker.id, ipc::Welcome{.version = worker.version,
                                        .node_id = settings.node_id,
                                        .cache_dir = settings.cache_dir,
                                        .spool_dir = settings.spool_dir,
                                        .syncs_files = settings.cache_syncs,
                                        .filter = cache_.filter_path(),
                                        .denylist = denylist});
  context_.worker_indices[worker.id] = worker.index;
  cache_.on_worker(worker.id, worker.index, worker.pid);
  listeners_.on_admitted(worker.id, worker.index);
  context_.timers.set(worker.timer, TimerKind::kWorker, static_cast<uint64_t>(worker.id),
                      now_ms + context_.settings.ping_every_ms);
  context_.out.log(LogLevel::kInfo, LogLine("worker_connected")
                                        .add("worker", worker.index)
                                        .add("pid", worker.pid)
                                        .add("version", worker.version));
}

bool Workers::is_plausible(const ipc::Fetch& message) {
  return is_name(message.trace_id);
}

void Workers::on_timer(WorkerId id, uint64_t now_ms) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  Worker& worker = found->second;
  const uint64_t due_ms = worker.timer.at_ms;
  Timers::fired(worker.timer);
  if (!worker.is_admitted) {
    end(worker, "it did not say Hello in time", now_ms);
    return;
  }
  if (now_ms - worker.heard_ms >= context_.settings.worker_silence_ms) {
    end(worker, "it has been silent for too long", now_ms);
    return;
  }
  watch_silence(worker, due_ms, now_ms);
  if (now_ms - worker.heard_ms >= context_.settings.ping_every_ms) {
    if (worker.asked_ms == 0) worker.asked_ms = now_ms;
    context_.tell(id, ipc::Ping{++worker.ping_sequence});
  }
  context_.timers.set(worker.timer, TimerKind::kWorker, static_cast<uint64_t>(id),
                      now_ms + context_.settings.ping_every_ms);
}

void Workers::watch_silence(Worker& worker, uint64_t due_ms, uint64_t now_ms) {
  if (worker.asked_ms == 0 || worker.is_silent) return;
  // After a pause of the broker itself pongs may lie unread, so the wait begins anew.
  if (now_ms >= due_ms + context_.settings.ping_every_ms) worker.asked_ms = now_ms;
  if (now_ms - worker.asked_ms < context_.settings.worker_unanswered_ms) return;
  worker.is_silent = true;
  ++context_.counters.workers_silent;
  context_.out.log(LogLevel::kWarn, LogLine("worker_silent")
                                        .add("worker", worker.index)
                                        .add("pid", worker.pid)
                                        .add("silent_ms", now_ms - worker.heard_ms));
  listeners_.on_silent(worker.id, now_ms);
}

void Workers::on_heard(Worker& worker, uint64_t now_ms) {
  if (std::exchange(worker.is_silent, false)) {
    context_.out.log(LogLevel::kInfo, LogLine("worker_answers")
                                          .add("worker", worker.index)
                                          .add("pid", worker.pid)
                                          .add("silent_ms", now_ms - worker.heard_ms));
    listeners_.on_heard_again(worker.id, now_ms);
  }
  worker.heard_ms = now_ms;
  worker.asked_ms = 0;
}

bool Workers::take_handoff_place(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return false;
  if (found->second.handoffs_awaiting >= limits::kHandoffsAwaitingMax) return false;
  ++found->second.handoffs_awaiting;
  return true;
}

void Workers::on_closed(WorkerId id, std::string_view why, uint64_t now_ms) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  const bool is_leaving = found->second.is_leaving;
  Counters& counters = context_.counters;
  ++(is_leaving ? counters.workers_left : counters.workers_lost);
  context_.out.log(is_leaving ? LogLevel::kInfo : LogLevel::kWarn,
                   LogLine(is_leaving ? "worker_left" : "worker_lost")
                       .add("worker", found->second.index)
                       .add("pid", found->second.pid)
                       .add("reason", why));
  forget(id, now_ms);
}

void Workers::end(Worker& worker, std::string_view why, uint64_t now_ms) {
  context_.out.log(LogLevel::kWarn, LogLine("worker_disconnected")
                                        .add("worker", worker.index)
                                        .add("pid", worker.pid)
                                        .add("reason", why));
  context_.out.push(CloseWorker{worker.id});
  forget(worker.id, now_ms);
}

void Workers::forget(WorkerId id, uint64_t now_ms) {
  Worker& worker = workers_[id];
  add(gone_, without_gauges(worker.stats));
  context_.timers.clear(worker.timer, TimerKind::kWorker, static_cast<uint64_t>(id));
  workers_.erase(id);
  context_.worker_indices.erase(id);
  context_.data_addresses.remove(id);
  dispatcher_.on_worker_gone(id, now_ms);
  joins_.on_worker_gone(id);
  listeners_.on_gone(id, now_ms);
  cache_.on_worker_gone(id, now_ms);
}

uint64_t Workers::broadcast(ipc::BroadcastVerb verb, const std::string& argument) {
  ++last_broadcast_;
  for (const auto& [id, worker] : workers_) {
    if (worker.is_admitted) context_.tell(id, ipc::Broadcast{last_broadcast_, verb, argument});
  }
  return last_broadcast_;
}

void Workers::tell_denylist() {
  for (const auto& [id, worker] : workers_) {
    if (!worker.is_admitted || worker.version < kDenylistVersion) continue;
    context_.tell(id, ipc::TakeDenylist{context_.denials.list().place});
  }
}

size_t Workers::behind_denylist() const {
  return static_cast<size_t>(std::ranges::count_if(workers_, [this](const auto& one) {
    return one.second.is_admitted && one.second.denylist_id != context_.denials.id();
  }));
}

std::vector<WorkerId> Workers::admitted() const {
  std::vector<WorkerId> found;
  for (const auto& [id, worker] : workers_) {
    if (worker.is_admitted) found.push_back(id);
  }
  return found;
}

WorkerTotals Workers::totals() const {
  WorkerTotals totals{.sum = gone_, .admitted = 0};
  for (const auto& [id, worker] : workers_) {
    if (!worker.is_admitted) continue;
    ++totals.admitted;
    add(totals.sum, worker.stats);
  }
  return totals;
}

}  // namespace daphnis::broker
