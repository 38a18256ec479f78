#include "broker/dispatch/joins.h"

/// The part of Joins by which fetches end with what the cache holds.
namespace daphnis::broker {

bool Joins::tell_cached(WorkerId worker, const ipc::Fetch& message) {
  std::optional<RequestKey> file;
  if (!cache_.holds(message.key)) {
    const bool may_name = message.block_file == ipc::BlockFile::kMay;
    if (may_name) file = cache_.file_of_block(message.request);
    if (!file) return false;
  }
  ++context_.counters.fetches_cached;
  tell(worker, message, ipc::JoinState::kCached, file.value_or(RequestKey{}));
  return true;
}

void Joins::look_up(WorkerId worker, const ipc::Fetch& message) {
  if (!message.must_not_join && tell_cached(worker, message)) {
    ++context_.counters.fetches;
    return;
  }
  // Nothing was to be fetched, so no fetch has failed.
  context_.tell(worker, ipc::FetchFailed{.fetch_id = message.fetch_id,
                                         .reason = Outcome::kNotFound,
                                         .attempts = 0,
                                         .retry_after_s = 0});
}

}  // namespace daphnis::broker
