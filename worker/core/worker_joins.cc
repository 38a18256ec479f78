// How the Worker's fetches read along in other workers' spools, and let others read in theirs.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/core/cache_file.h"
#include "common/core/limits.h"
#include "worker/core/worker.h"

namespace daphnis::worker {

using ipc::JoinState;

Spool* Worker::open_spool(const Fetch& fetch, uint64_t begin, bool is_for_cache) {
  return spools_.open(++last_id_, fetch.id(), fetch.request(), begin, is_for_cache);
}

void Worker::on_spool_moved(FetchId id, uint64_t now_ms) {
  Fetch* fetch = find_fetch(id);
  if (!fetch) return;
  fetch->on_spool_moved(now_ms);
  settle_fetch(*fetch, now_ms);
}

void Worker::on_spool_wanted(const ipc::SpoolWanted& wanted, uint64_t now_ms) {
  if (Fetch* fetch = asked_fetch(wanted.fetch_id)) return fetch->on_wanted(now_ms);
  broker_.send(ipc::FetchProgress{
      .fetch_id = wanted.fetch_id, .state = JoinState::kFailed, .bytes = 0, .path = {}});
}

void Worker::on_file_job_done(FileJobDone done, uint64_t now_ms) {
  const bool is_join = done.kind == FileJob::Kind::kOpen || done.kind == FileJob::Kind::kOpenCached;
  if (!is_join) return on_spool_moved(spools_.on_job_done(std::move(done)), now_ms);
  Fetch* fetch = find_fetch(done.owner);
  if (fetch) on_join_opened(*fetch, std::move(done), now_ms);
}

void Worker::on_join_progress(const ipc::JoinProgress& progress, uint64_t now_ms) {
  Fetch* fetch = asked_fetch(progress.fetch_id);
  if (!fetch || !fetch->wants_stream()) return;
  if (progress.state == JoinState::kFailed) {
    joins_.erase(fetch->id());
    fetch->on_join_lost(now_ms + settings_.request_ms);
    return agenda_.call_at(fetch->id(), fetch->deadline_ms() + limits::kDeadlineGraceMs);
  }
  if (progress.state == JoinState::kCached) {
    return open_join(*fetch, Join{.state = JoinState::kCached, .is_in_cache = true});
  }
  if (progress.bytes == 0 && progress.state == JoinState::kGoing) return;
  const auto found = joins_.find(fetch->id());
  if (found == joins_.end() ||
      (found->second.path != progress.path && !found->second.is_in_cache)) {
    return open_join(*fetch, Join{progress.path, progress.bytes, progress.state});
  }
  Join& join = found->second;
  if (join.is_in_cache) return;  // All of it is being opened there.
  join.bytes = progress.bytes;
  join.state = progress.state;
  if (!join.file) return;
  fetch->on_joined(join.file, join.bytes, join.state == JoinState::kWhole, now_ms);
  settle_fetch(*fetch, now_ms);
}

void Worker::open_join(Fetch& fetch, Join join) {
  const SpoolFolders& folders = spools_.folders();
  if (!join.is_in_cache && !folders.contain(join.path)) join.is_in_cache = true;
  if (join.is_in_cache) {
    join.path = folders.cache_dir + "/objects/" + cache_file_name(fetch.key());
  }
  spools_.order({.kind = join.is_in_cache ? FileJob::Kind::kOpenCached : FileJob::Kind::kOpen,
                 .owner = fetch.id(),
                 .path = join.path});
  joins_.insert_or_assign(fetch.id(), std::move(join));
}

void Worker::on_join_opened(Fetch& fetch, FileJobDone done, uint64_t now_ms) {
  const auto found = joins_.find(fetch.id());
  if (found == joins_.end() || found->second.file || found->second.path != done.path) return;
  Join& join = found->second;
  if (done.error != 0 && !join.is_in_cache) {
    join.is_in_cache = true;  // It may have come to its place since.
    return open_join(fetch, join);
  }
  if (done.error != 0) return on_join_useless(fetch, done.error, now_ms);
  join.file = spools_.track(std::move(done.file), fetch.id());
  if (join.is_in_cache) join.bytes = done.bytes;
  const bool is_whole = join.is_in_cache || join.state == JoinState::kWhole;
  const bool is_known = join.is_in_cache && join.state == JoinState::kGoing;
  if (is_known) broker_.send(ipc::CancelFetch{fetch.question_id()});
  fetch.on_joined(join.file, join.bytes, is_whole, now_ms);
  settle_fetch(fetch, now_ms);
}

/// What the broker told of is not there: asks anew, under another number, since what is said of the
/// last one may still be on its way.
void Worker::on_join_useless(Fetch& fetch, int error, uint64_t now_ms) {
  const Join join = std::move(joins_.extract(fetch.id()).mapped());
  if (join.state == JoinState::kCached) {
    broker_.send(ipc::CacheFault{
        .key = fetch.key(),
        .kind = error == ENOENT ? ipc::CacheFaultKind::kMissing : ipc::CacheFaultKind::kUnreadable,
        .detail = std::strerror(error)});
  } else if (join.state == JoinState::kGoing) {
    broker_.send(ipc::CancelFetch{fetch.question_id()});
  }
  fetch.on_join_lost(now_ms + settings_.request_ms);
  ask(fetch, true, now_ms);
}

/// The broker that told how far others have come is gone.
void Worker::forget_joins(uint64_t now_ms) {
  std::vector<FetchId> lost;
  for (const auto& [id, join] : joins_) {
    if (join.state == JoinState::kGoing) lost.push_back(id);
  }
  for (const FetchId id : lost) {
    joins_.erase(id);
    if (Fetch* fetch = find_fetch(id)) fetch->on_join_lost(now_ms + settings_.request_ms);
  }
}

}  // namespace daphnis::worker
