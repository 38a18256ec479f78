#include "worker/gateway/memo.h"

#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

Memo::Entry Memo::find(const std::string& memory) {
  if (const auto found = newer_.find(memory); found != newer_.end()) return found->second;
  const auto found = older_.find(memory);
  if (found == older_.end()) return nullptr;
  Entry entry = found->second;
  put(memory, entry);
  return entry;
}

void Memo::add(std::string memory, Content content) {
  content.lines = lines_of(content.headers);
  put(std::move(memory), std::make_shared<const Content>(std::move(content)));
}

void Memo::put(std::string memory, Entry entry) {
  if (newer_.size() >= limits::kMemoriesMax / 2) older_ = std::exchange(newer_, {});
  newer_.insert_or_assign(std::move(memory), std::move(entry));
}

}  // namespace daphnis::worker
