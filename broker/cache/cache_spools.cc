#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "broker/cache/cache.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/names.h"

/// The part of the cache that keeps the account of spools.
namespace daphnis::broker {
namespace {

/// True for a name that, in a path, can only mean a visible file in the folder before it.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kSpoolNameBytesMax && name.front() != '.' &&
         std::ranges::all_of(name, is_name_char);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

void Cache::on_worker(WorkerId id, uint32_t index, uint32_t pid) {
  peers_[id] = Peer{.index = index, .pid = pid, .spools = {}};
}

void Cache::on_worker_gone(WorkerId id, uint64_t) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const Peer peer = std::move(found->second);
  peers_.erase(found);
  std::erase_if(waiting_, [&](const Waiting& one) { return one.spool.worker == id; });
  for (const auto& [number, spool] : peer.spools) {
    ++context_.counters.spools_lost;
    if (index_) index_->stop_waiting({id, number});
    retire_linked({id, number}, spool);
  }
  deferred_frees_.on_worker_gone(id);
  for (auto& [other, theirs] : peers_) {
    for (auto& [number, spool] : theirs.spools) std::erase(spool.readers, id);
  }
  pump();
}

bool Cache::on_message(WorkerId id, const ipc::SpoolReserve& message, uint64_t now_ms) {
  Peer& peer = peers_[id];
  const SpoolId spool_id{id, message.spool};
  const bool is_new = !peer.spools.contains(message.spool);
  if (message.bytes == 0 || (!is_new && peer.spools[message.spool].asked != 0)) return false;
  if (is_new) {
    // During a scan the cache grants no reservations, so a spool that is only for readers goes to
    // the spool folder.
    const bool has_other = !message.is_for_cache && !context_.settings.spool_dir.empty();
    const bool is_in_cache = is_up() && !(has_other && index_->is_scanning());
    const bool has_place = is_in_cache || has_other;
    if (!has_place || peer.spools.size() >= limits::kSpoolsPerWorkerMax) {
      refuse(spool_id);
      return true;
    }
    peer.spools[message.spool] =
        Spool{.place = is_in_cache ? ipc::SpoolPlace::kCache : ipc::SpoolPlace::kSpoolDir,
              .is_for_cache = message.is_for_cache,
              .name = std::to_string(peer.index) + "-" + std::to_string(peer.pid) + "-" +
                      std::to_string(message.spool),
              .readers = {}};
  }
  Spool& spool = peer.spools[message.spool];
  if (spool.place == ipc::SpoolPlace::kSpoolDir) {
    const uint64_t limit = context_.settings.spool_limit_bytes;
    if (message.bytes <= limit && spool_dir_bytes_ <= limit - message.bytes) {
      spool_dir_bytes_ += message.bytes;
      grant(spool_id, spool, message.bytes);
    } else {
      refuse(spool_id);
    }
    return true;
  }
  // A reservation that could only fit after other spools have ended is refused, since their readers
  // may be slow.
  const uint64_t promised = index_->reserved_bytes() + index_->waiting_bytes();
  const bool may_fit = promised <= index_->limit_bytes() &&
                       message.bytes <= index_->limit_bytes() - promised && is_up();
  const auto result =
      may_fit ? index_->reserve(spool_id, message.bytes) : CacheIndex::Reserve::kRefused;
  if (result == CacheIndex::Reserve::kGranted) grant(spool_id, spool, message.bytes);
  if (result == CacheIndex::Reserve::kWaits) wait(spool_id, spool, message.bytes, now_ms);
  if (result == CacheIndex::Reserve::kRefused) refuse(spool_id);
  pump();
  return true;
}

bool Cache::on_message(WorkerId id, const ipc::SpoolHeld& message, uint64_t) {
  Peer& peer = peers_[id];
  const bool is_sane =
      is_plain_name(message.name) && message.bytes <= 2 * limits::kOutputBytesMax &&
      !peer.spools.contains(message.spool) && peer.spools.size() < limits::kSpoolsPerWorkerMax;
  if (!is_sane) return false;
  Spool& spool = peer.spools[message.spool];
  spool.place = message.place;
  spool.bytes = message.bytes;
  spool.name = message.name;
  spool.is_brought = true;
  if (message.place == ipc::SpoolPlace::kSpoolDir) {
    spool_dir_bytes_ += message.bytes;
  } else if (index_) {
    index_->hold({id, message.spool}, message.bytes);
  }
  pump();
  return true;
}

bool Cache::on_message(WorkerId id, const ipc::SpoolDone& message, uint64_t now_ms) {
  const auto root = Cid::from_bytes(message.root);
  if (!is_plain_name(message.name) || !root) return false;
  const SpoolId spool_id{id, message.spool};
  const Spool* spool = find(spool_id);
  if (spool && spool->asked != 0) return false;
  const bool is_held = index_ && index_->find(message.key).has_value();
  const bool is_fine = index_ && spool && spool->place == ipc::SpoolPlace::kCache &&
                       message.size <= spool->bytes && !is_held &&
                       message.denylist_id == context_.denials.id();
  if (!is_fine) {
    refuse_done(spool_id, message, is_held);
    return true;
  }
  index_->set_time(now_ms);
  index_->store(spool_id, {.key = message.key,
                           .root = *root,
                           .size = message.size,
                           .stored_s = context_.wall_s(now_ms),
                           .hits = 0,
                           .unproven_h = 0,
                           .judged_by = message.denylist_id});
  peers_[id].spools.erase(message.spool);
  storing_[spool_id] = {.key = message.key, .name = message.name};
  storing_by_key_[message.key] = spool_id;
  context_.out.push(
      GiveTask{StoreFile{.spool = spool_id,
                         .name = message.name,
                         .key = message.key,
                         .size = message.size,
                         .block_secret = blocks_ ? std::optional(block_secret()) : std::nullopt}});
  pump();
  return true;
}

void Cache::refuse_done(const SpoolId& id, const ipc::SpoolDone& message, bool is_held) {
  if (is_held) ++context_.counters.cache_stores_double;
  Spool* spool = find(id);
  if (spool) {
    // Readers in its own worker may go on with it, too.
    spool->readers.push_back(id.worker);
    spool->name = message.name;
    retire_linked(id, *spool);
    peers_[id.worker].spools.erase(id.number);
  } else {
    unlink_spool(ipc::SpoolPlace::kCache, message.name);
  }
  context_.tell(id.worker, ipc::SpoolStored{id.number, is_held});
  pump();
}

bool Cache::on_message(WorkerId id, const ipc::SpoolGone& message, uint64_t now_ms) {
  const SpoolId spool_id{id, message.spool};
  if (message.error != 0) on_spool_failed(id, message.error, now_ms);
  Spool* spool = find(spool_id);
  if (!spool) return true;  // The spool was refused, or only an earlier broker knew it.
  if (index_) index_->stop_waiting(spool_id);
  std::erase_if(waiting_, [&](const Waiting& one) { return one.spool == spool_id; });
  retire(spool_id, *spool);
  peers_[id].spools.erase(message.spool);
  pump();
  return true;
}

/// Logs failed spools at most once in kSpoolFailuresLogMs, since a full disk fails many.
void Cache::on_spool_failed(WorkerId id, uint32_t error, uint64_t now_ms) {
  ++context_.counters.spools_failed;
  ++failures_unsaid_;
  if (now_ms < failures_log_ms_) return;
  context_.out.log(LogLevel::kWarn,
                   LogLine("spool_failed")
                       .add("worker", peers_[id].index)
                       .add("reason", std::generic_category().message(static_cast<int>(error)))
                       .add("count", std::exchange(failures_unsaid_, 0)));
  failures_log_ms_ = now_ms + limits::kSpoolFailuresLogMs;
}

void Cache::share(WorkerId owner, const std::string& path, WorkerId reader) {
  const auto peer = peers_.find(owner);
  if (peer == peers_.end()) return;
  // The name of a spool ends with its number.
  const std::string_view name = name_of(path);
  uint64_t number = 0;
  const std::string_view digits = name.substr(name.rfind('-') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const auto spool = peer->second.spools.find(number);
  if (spool == peer->second.spools.end() || spool->second.name != name) return;
  auto& readers = spool->second.readers;
  if (std::ranges::find(readers, reader) == readers.end()) readers.push_back(reader);
}

bool Cache::is_spool_path(std::string_view path) const {
  const std::string_view name = name_of(path);
  if (!is_plain_name(name)) return false;
  const std::string text(name);
  const Settings& settings = context_.settings;
  return (index_ && path == path_of(ipc::SpoolPlace::kCache, text)) ||
         (!settings.spool_dir.empty() && path == path_of(ipc::SpoolPlace::kSpoolDir, text));
}

Cache::Spool* Cache::find(const SpoolId& id) {
  const auto peer = peers_.find(id.worker);
  if (peer == peers_.end()) return nullptr;
  const auto spool = peer->second.spools.find(id.number);
  return spool == peer->second.spools.end() ? nullptr : &spool->second;
}

void Cache::grant(const SpoolId& id, Spool& spool, uint64_t bytes) {
  spool.bytes += bytes;
  context_.tell(id.worker, ipc::SpoolReserved{id.number, bytes, spool.place});
}

void Cache::refuse(const SpoolId& id) {
  ++context_.counters.reservations_refused;
  Spool* spool = find(id);
  const auto place = spool ? spool->place : ipc::SpoolPlace::kCache;
  context_.tell(id.worker, ipc::SpoolReserved{id.number, 0, place});
  if (spool && spool->bytes == 0) {
    // A spool without any granted bytes has no file.
    if (index_) index_->release(id);
    peers_[id.worker].spools.erase(id.number);
  }
}

void Cache::wait(const SpoolId& id, Spool& spool, uint64_t bytes, uint64_t now_ms) {
  spool.asked = bytes;
  waiting_.push_back({id, now_ms + limits::kReservationWaitMs});
  if (waiting_.size() == 1) {
    context_.timers.set(reservation_timer_, TimerKind::kReservation, 0, waiting_.front().until_ms);
  }
}

void Cache::refuse_waiting() {
  const SpoolId id = waiting_.front().spool;
  waiting_.pop_front();
  index_->stop_waiting(id);
  Spool* spool = find(id);
  check(spool != nullptr, "a spool that is gone waits for room");
  spool->asked = 0;
  refuse(id);
}

void Cache::on_reservation_timer(uint64_t now_ms) {
  Timers::fired(reservation_timer_);
  while (!waiting_.empty() && waiting_.front().until_ms <= now_ms) refuse_waiting();
  if (!waiting_.empty()) {
    context_.timers.set(reservation_timer_, TimerKind::kReservation, 0, waiting_.front().until_ms);
  }
  pump();
}

void Cache::retire(const SpoolId& id, const Spool& spool) {
  deferred_frees_.add({.spool = id, .place = spool.place, .bytes = spool.bytes},
                      path_of(spool.place, spool.name), readers_of(spool));
}

std::vector<WorkerId> Cache::readers_of(const Spool& spool) const {
  if (!spool.is_brought) return spool.readers;
  std::vector<WorkerId> all;
  for (const auto& [id, peer] : peers_) all.push_back(id);
  return all;
}

void Cache::retire_linked(const SpoolId& id, const Spool& spool) {
  const Settings& settings = context_.settings;
  // Without folders the broker cannot unlink the spool, which a worker may have brought from an
  // earlier broker.
  const bool has_folder = !settings.cache_dir.empty() || !settings.spool_dir.empty();
  if (!has_folder) return retire(id, spool);
  deferred_frees_.add_linked({.spool = id, .place = spool.place, .bytes = spool.bytes},
                             path_of(spool.place, spool.name), readers_of(spool));
}

std::string Cache::path_of(ipc::SpoolPlace place, const std::string& name) const {
  return place == ipc::SpoolPlace::kCache ? context_.settings.cache_dir + "/tmp/" + name
                                          : context_.settings.spool_dir + "/" + name;
}

void Cache::unlink_spool(ipc::SpoolPlace place, const std::string& name) {
  context_.out.push(GiveTask{UnlinkSpools{.paths = {path_of(place, name)}}});
}

size_t Cache::spools() const {
  size_t count = 0;
  for (const auto& [id, peer] : peers_) count += peer.spools.size();
  return count;
}

}  // namespace daphnis::broker
