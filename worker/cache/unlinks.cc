#include "worker/cache/unlinks.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace daphnis::worker {
namespace {

using Uses = std::vector<std::weak_ptr<const void>>;

void drop_expired(Uses& uses) {
  std::erase_if(uses, [](const auto& use) { return use.expired(); });
}

void add(Uses& uses, const Unlinks::Use& use) {
  drop_expired(uses);
  uses.push_back(use);
}

template <class Table, class Name>
void move_uses(Table& table, const Name& name, Uses& out) {
  const auto found = table.find(name);
  if (found == table.end()) return;
  std::ranges::move(found->second, std::back_inserter(out));
  table.erase(found);
}

template <class Table>
void drop_unused(Table& table) {
  absl::erase_if(table, [](auto& entry) {
    drop_expired(entry.second);
    return entry.second.empty();
  });
}

}  // namespace

void Unlinks::watch(const RequestKey& key, const Use& use) {
  add(keys_[key], use);
  sweep();
}

void Unlinks::watch(const std::string& path, const Use& use) {
  add(paths_[path], use);
  sweep();
}

/// Removes the names of files that are out of use. Its cost is in proportion to the number of names
/// added since its last run.
void Unlinks::sweep() {
  constexpr size_t kSweepMin = 64;
  if (keys_.size() + paths_.size() < sweep_at_) return;
  drop_unused(keys_);
  drop_unused(paths_);
  sweep_at_ = std::max(kSweepMin, 2 * (keys_.size() + paths_.size()));
}

void Unlinks::on_unlink(const ipc::Unlink& unlink) {
  Pending pending{.deferred_free = unlink.deferred_free, .uses = {}};
  for (const RequestKey& key : unlink.keys) move_uses(keys_, key, pending.uses);
  for (const std::string& path : unlink.paths) move_uses(paths_, path, pending.uses);
  pending_.push_back(std::move(pending));
}

std::vector<ipc::Unlinked> Unlinks::take_done() {
  std::vector<ipc::Unlinked> done;
  std::erase_if(pending_, [&done](Pending& pending) {
    drop_expired(pending.uses);
    if (!pending.uses.empty()) return false;
    done.push_back({.deferred_free = pending.deferred_free});
    return true;
  });
  return done;
}

}  // namespace daphnis::worker
