#include "broker/cache/cache_dooms.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::broker {

Dooms::Dooms(Context& context) : context_(context) {
  const Uuid random = context.random();
  std::memcpy(&last_, random.data(), sizeof last_);
}

void Dooms::add(uint64_t index_doom, std::vector<RequestKey> keys) {
  for (size_t at = 0; at < keys.size(); at += limits::kUnlinkKeysMax) {
    const size_t count = std::min(limits::kUnlinkKeysMax, keys.size() - at);
    const auto from = keys.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<RequestKey> part(from, from + static_cast<std::ptrdiff_t>(count));
    context_.out.push(OrderFolder{UnlinkFiles{++last_, part}});
    dooms_[last_] =
        Doom{.room = {.index_doom = index_doom}, .keys = std::move(part), .open_at = {}};
    if (index_doom != 0) ++parts_left_[index_doom];
  }
}

void Dooms::add(const Freed& spool, const std::string& path, const std::vector<WorkerId>& readers) {
  if (readers.empty()) {
    freed_.push_back(spool);
    return;
  }
  const uint64_t number = ++last_;
  for (const WorkerId reader : readers) {
    context_.tell(reader, ipc::Unlink{.doom = number, .keys = {}, .paths = {path}});
  }
  dooms_[number] = Doom{
      .room = spool, .keys = {}, .is_unlinked = true, .open_at = {readers.begin(), readers.end()}};
}

void Dooms::add_linked(const Freed& spool, const std::string& path,
                       const std::vector<WorkerId>& readers) {
  context_.out.push(OrderFolder{UnlinkSpools{.paths = {path}, .doom = ++last_}});
  dooms_[last_] =
      Doom{.room = spool, .keys = {}, .path = path, .open_at = {readers.begin(), readers.end()}};
}

void Dooms::on_files_unlinked(uint64_t doom, const std::vector<WorkerId>& workers) {
  const auto found = dooms_.find(doom);
  if (found == dooms_.end() || found->second.is_unlinked) return;
  // Not before: a worker that has let go of the file must not find it again.
  found->second.is_unlinked = true;
  ipc::Unlink message{.doom = doom, .keys = std::exchange(found->second.keys, {}), .paths = {}};
  if (found->second.path.empty()) {
    found->second.open_at = {workers.begin(), workers.end()};
  } else {
    message.paths.push_back(found->second.path);
  }
  for (const WorkerId worker : found->second.open_at) context_.tell(worker, message);
  end_if_over(found);
}

void Dooms::on_confirmed(uint64_t doom, WorkerId worker) {
  const auto found = dooms_.find(doom);
  if (found == dooms_.end()) return;
  found->second.open_at.erase(worker);
  end_if_over(found);
}

void Dooms::on_worker_gone(WorkerId worker) {
  for (auto doom = dooms_.begin(); doom != dooms_.end();) {
    const auto next = std::next(doom);
    doom->second.open_at.erase(worker);
    end_if_over(doom);
    doom = next;
  }
}

bool Dooms::end_if_over(Table::iterator doom) {
  if (!doom->second.is_unlinked || !doom->second.open_at.empty()) return false;
  const Freed room = doom->second.room;
  dooms_.erase(doom);
  if (room.index_doom == 0) {
    freed_.push_back(room);
  } else if (const auto parts = parts_left_.find(room.index_doom); --parts->second == 0) {
    parts_left_.erase(parts);
    freed_.push_back(room);
  }
  return true;
}

}  // namespace daphnis::broker
