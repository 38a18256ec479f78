#include "broker/cache/deferred_frees.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::broker {

DeferredFrees::DeferredFrees(Context& context) : context_(context) {
  const Uuid random = context.random();
  std::memcpy(&last_, random.data(), sizeof last_);
}

void DeferredFrees::add(uint64_t index_free, std::vector<RequestKey> keys) {
  for (size_t at = 0; at < keys.size(); at += limits::kUnlinkKeysMax) {
    const size_t count = std::min(limits::kUnlinkKeysMax, keys.size() - at);
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<RequestKey> part(from, from + static_cast<std::ptrdiff_t>(count));
    context_.out.push(GiveTask{UnlinkFiles{++last_, part}});
    deferred_frees_[last_] =
        DeferredFree{.freed = {.index_free = index_free}, .keys = std::move(part), .open_at = {}};
    if (index_free != 0) ++parts_left_[index_free];
  }
}

void DeferredFrees::add(const Freed& spool, const std::string& path,
                        const std::vector<WorkerId>& readers) {
  if (readers.empty()) {
    freed_.push_back(spool);
    return;
  }
  const uint64_t number = ++last_;
  for (const WorkerId reader : readers) {
    context_.tell(reader, ipc::Unlink{.deferred_free = number, .keys = {}, .paths = {path}});
  }
  deferred_frees_[number] = DeferredFree{
      .freed = spool, .keys = {}, .is_unlinked = true, .open_at = {readers.begin(), readers.end()}};
}

void DeferredFrees::add_linked(const Freed& spool, const std::string& path,
                               const std::vector<WorkerId>& readers) {
  context_.out.push(GiveTask{UnlinkSpools{.paths = {path}, .deferred_free = ++last_}});
  deferred_frees_[last_] = DeferredFree{
      .freed = spool, .keys = {}, .path = path, .open_at = {readers.begin(), readers.end()}};
}

void DeferredFrees::on_files_unlinked(uint64_t deferred_free,
                                      const std::vector<WorkerId>& workers) {
  const auto found = deferred_frees_.find(deferred_free);
  if (found == deferred_frees_.end() || found->second.is_unlinked) return;
  // Workers are told only now: one that closed the file earlier could have opened it again.
  found->second.is_unlinked = true;
  ipc::Unlink message{
      .deferred_free = deferred_free, .keys = std::exchange(found->second.keys, {}), .paths = {}};
  if (found->second.path.empty()) {
    found->second.open_at = {workers.begin(), workers.end()};
  } else {
    message.paths.push_back(found->second.path);
  }
  for (const WorkerId worker : found->second.open_at) context_.tell(worker, message);
  end_if_over(found);
}

void DeferredFrees::on_confirmed(uint64_t deferred_free, WorkerId worker) {
  const auto found = deferred_frees_.find(deferred_free);
  if (found == deferred_frees_.end()) return;
  found->second.open_at.erase(worker);
  end_if_over(found);
}

void DeferredFrees::on_worker_gone(WorkerId worker) {
  for (auto deferred_free = deferred_frees_.begin(); deferred_free != deferred_frees_.end();) {
    const auto next = std::next(deferred_free);
    deferred_free->second.open_at.erase(worker);
    end_if_over(deferred_free);
    deferred_free = next;
  }
}

bool DeferredFrees::end_if_over(Table::iterator deferred_free) {
  if (!deferred_free->second.is_unlinked || !deferred_free->second.open_at.empty()) return false;
  const Freed freed = deferred_free->second.freed;
  deferred_frees_.erase(deferred_free);
  if (freed.index_free == 0) {
    freed_.push_back(freed);
  } else if (const auto parts = parts_left_.find(freed.index_free); --parts->second == 0) {
    parts_left_.erase(parts);
    freed_.push_back(freed);
  }
  return true;
}

}  // namespace daphnis::broker
