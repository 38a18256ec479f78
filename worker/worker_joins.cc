// The part of Worker by which its fetches read along in other workers' spools, and others in
// theirs.

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/request/denial_outcome.h"
#include "worker/worker.h"

namespace daphnis::worker {

using ipc::JoinState;

void Worker::on_spool_moved(FetchId id, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(id);
  if (!fetch) return;
  fetch->on_spool_moved(now_ms);
  fetches_.drop_if_unwanted(*fetch, now_ms);
}

void Worker::on_spool_stored(const ipc::SpoolStored& stored, uint64_t now_ms) {
  const FetchId id = spools_.on_stored(stored);
  Fetch* fetch = fetches_.find(id);
  if (fetch && fetch->spool()) {
    // The readers go on in a file that is the cache's from now on, or that the broker did not need
    // and unlinks.
    cache_.watch(fetch->key(), fetch->spool()->file());
    cache_.watch(fetch->spool()->path(), fetch->spool()->file());
  }
  on_spool_moved(id, now_ms);
}

void Worker::on_spool_wanted(const ipc::SpoolWanted& wanted, uint64_t now_ms) {
  Fetch* fetch = fetches_.find_asked(QuestionId{wanted.fetch_id});
  if (fetch) return fetch->on_wanted(now_ms);
  broker_.send(ipc::FetchProgress{
      .fetch_id = wanted.fetch_id, .state = JoinState::kFailed, .bytes = 0, .path = {}});
}

void Worker::on_file_job_done(FileJobDone done, uint64_t now_ms) {
  if (done.kind != FileJob::Kind::kOpen) {
    return on_spool_moved(spools_.on_job_done(std::move(done)), now_ms);
  }
  Fetch* fetch = fetches_.find(FetchId{done.owner});
  if (fetch) on_join_opened(*fetch, std::move(done), now_ms);
}

void Worker::on_join_progress(const ipc::JoinProgress& progress, uint64_t now_ms) {
  Fetch* fetch = fetches_.find_asked(QuestionId{progress.fetch_id});
  if (!fetch || !fetch->lacks_source()) return;
  if (progress.state == JoinState::kFailed) return lose_join(*fetch, now_ms);
  const bool may_go_on = fetch->asks_alone() && progress.state == JoinState::kCached;
  if (fetch->state() == Fetch::State::kStreaming && !may_go_on) {
    // Another worker's file cannot carry on with output that has begun here.
    broker_.send(ipc::CancelFetch{progress.fetch_id});
    return fetches_.ask(*fetch, true, now_ms);
  }
  if (progress.state == JoinState::kLead) return lead(*fetch, now_ms);
  if (progress.state == JoinState::kCached && progress.file != RequestKey{}) {
    return look_for_block(*fetch, progress.file, now_ms);
  }
  if (progress.state == JoinState::kCached) return look_for_join(*fetch, progress.state, now_ms);
  if (progress.bytes == 0 && progress.state == JoinState::kGoing) return;
  Join* join = fetch->join();
  if (!join) return open_join(*fetch, progress, now_ms);
  join->state = progress.state;
  if (join->is_in_cache) return;  // The whole output is being looked up there.
  if (join->path != progress.path) return open_join(*fetch, progress, now_ms);
  join->bytes = progress.bytes;
  if (join->file) read_along(*fetch, now_ms);
}

void Worker::read_along(Fetch& fetch, uint64_t now_ms) {
  const Join& join = *fetch.join();
  fetch.on_joined(join.file, join.bytes, join.state == JoinState::kWhole, now_ms);
  fetches_.drop_if_unwanted(fetch, now_ms);
}

void Worker::open_join(Fetch& fetch, const ipc::JoinProgress& progress, uint64_t now_ms) {
  if (!spools_.folders().contain(progress.path)) {
    return look_for_join(fetch, progress.state, now_ms);
  }
  auto opening = std::make_shared<char>();
  cache_.watch(progress.path, opening);
  cache_.watch(fetch.key(), opening);  // The file may have become the cache's meanwhile.
  fetch.set_join({.path = progress.path,
                  .bytes = progress.bytes,
                  .state = progress.state,
                  .opening = std::move(opening)});
  spools_.add_job({.kind = FileJob::Kind::kOpen,
                   .owner = std::to_underlying(fetch.id()),
                   .path = progress.path});
}

void Worker::on_join_opened(Fetch& fetch, FileJobDone done, uint64_t now_ms) {
  Join* join = fetch.join();
  if (!join || !join->opening || join->path != done.path) return;
  if (!done.file) return look_for_join(fetch, join->state, now_ms);
  cache_.watch(join->path, done.file);
  cache_.watch(fetch.key(), done.file);
  join->file = std::move(done.file);
  join->opening.reset();
  read_along(fetch, now_ms);
}

/// Looks in the cache for a file that is not (or no longer) among the spools.
void Worker::look_for_join(Fetch& fetch, JoinState state, uint64_t now_ms) {
  const FetchId id = fetch.id();
  fetch.set_join({.state = state, .is_in_cache = true});
  const CacheWaiterId look = cache_.look_up(
      fetch.key(), {},
      [this, id](const Cache::Found& found, uint64_t at_ms) { on_join_looked(id, found, at_ms); },
      now_ms);
  note_look(id, look);
}

void Worker::on_join_looked(FetchId id, const Cache::Found& found, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(id);
  if (!fetch || !fetch->join()) return;
  const Join join = *fetch->join();
  fetch->forget_join();
  if (join.state == JoinState::kGoing)
    broker_.send(ipc::CancelFetch{std::to_underlying(fetch->question_id())});
  if (found.file) {
    fetch->on_cached(*found.file, now_ms);
    return fetches_.drop_if_unwanted(*fetch, now_ms);
  }
  if (join.state == JoinState::kCached && found.is_missing) {
    cache_.report(fetch->key(), ipc::CacheFaultKind::kMissing, "");
  }
  if (found.denial) {
    denials_.note(*found.denial, fetch->request().root, now_ms);
    return fail_fetch(*fetch, outcome_of(*found.denial), now_ms);
  }
  lose_join(*fetch, now_ms);
  fetches_.ask(*fetch, true, now_ms);
}

/// Ends the joined source: the content must come from another one, within request_ms from now.
void Worker::lose_join(Fetch& fetch, uint64_t now_ms) {
  fetch.forget_join();
  fetch.on_join_lost(now_ms + settings_.request_ms);
  agenda_.call_at(fetch.id(), fetch.deadline_ms() + limits::kDeadlineGraceMs);
}

/// Asks anew for a fetch whose question is over for the broker, once it is known how far its output
/// has come.
void Worker::lead(Fetch& fetch, uint64_t now_ms) {
  lose_join(fetch, now_ms);
  if (fetch.seek_place(settings_.budget)) return seek_place(fetch, now_ms);
  fetches_.ask(fetch, true, now_ms);
}

void Worker::seek_place(Fetch& fetch, uint64_t now_ms) {
  if (!fetch.go_on_seeking(now_ms)) return;
  if (!fetch.is_running()) {
    // All of the output was there; others that wait for this fetch to lead need another.
    broker_.send(ipc::CancelFetch{std::to_underlying(fetch.question_id())});
    return fetches_.drop_if_unwanted(fetch, now_ms);
  }
  agenda_.call_at(fetch.id(), fetch.deadline_ms() + limits::kDeadlineGraceMs);
  fetches_.ask(fetch, true, now_ms);
}

/// Ends the joined sources that still grow: the broker that told of their growth is gone.
void Worker::forget_joins(uint64_t now_ms) {
  for (Fetch* fetch : fetches_.oldest_first()) {
    const Join* join = fetch->join();
    if (join && join->state == JoinState::kGoing) lose_join(*fetch, now_ms);
  }
}

}  // namespace daphnis::worker
