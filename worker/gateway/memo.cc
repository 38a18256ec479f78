#include "worker/gateway/memo.h"

#include <utility>

#include "common/base/limits.h"

namespace daphnis::worker {

Memo::Entry Memo::find(const std::string& memo_key) {
  if (const auto found = newer_.find(memo_key); found != newer_.end()) return found->second;
  const auto found = older_.find(memo_key);
  if (found == older_.end()) return nullptr;
  Entry entry = found->second;
  put(memo_key, entry);
  return entry;
}

void Memo::add(std::string memo_key, Content content) {
  content.lines = lines_of(content.headers);
  put(std::move(memo_key), std::make_shared<const Content>(std::move(content)));
}

void Memo::put(std::string memo_key, Entry entry) {
  if (newer_.size() >= limits::kMemosMax / 2) older_ = std::exchange(newer_, {});
  newer_.insert_or_assign(std::move(memo_key), std::move(entry));
}

}  // namespace daphnis::worker
