#include <algorithm>
#include <iterator>

#include "broker/cache/cache.h"

/// The part of the cache that knows which file holds which block, so that requests for single
/// blocks of a cached DAG need no L2 (DESIGN 7). A short list is known with the file's name. Other
/// lists are read one at a time, the file that was stored last first: after a start in the
/// background, and for a new file once it has its name.
namespace daphnis::broker {

void Cache::make_block_index() {
  const Settings& settings = context_.settings;
  if (settings.block_index == RuleMode::kOff || settings.block_index_max == 0) return;
  blocks_ = std::make_unique<BlockIndex>(settings.block_index_max);
}

const Uuid& Cache::block_secret() {
  if (!block_secret_) block_secret_ = context_.random();
  return *block_secret_;
}

std::optional<RequestKey> Cache::file_of_block(const CarRequest& request) {
  if (!blocks_ || !asks_for_one_block(request)) return std::nullopt;
  const auto file = blocks_->find(block_key_of(request.root, block_secret()));
  if (!file || !holds(*file)) return std::nullopt;
  ++context_.counters.block_index_hits;
  return context_.settings.block_index == RuleMode::kOn ? file : std::nullopt;
}

void Cache::on_block_lost(const Cid& cid) {
  if (!blocks_) return;
  ++context_.counters.block_index_stale;
  blocks_->forget(block_key_of(cid, block_secret()));
}

/// The blocks of a file that has just been stored.
void Cache::know_blocks(const RequestKey& key, uint32_t stored_s,
                        std::span<const BlockKey> blocks) {
  stored_last_s_ = std::max(stored_last_s_, stored_s);
  if (blocks_) blocks_->add(key, stored_s, blocks);
}

/// Queues a file whose blocks are to be listed. The queue has as many files as the index could take
/// at most; beyond, the files that were stored first are left out.
void Cache::want_blocks(const RequestKey& key, uint32_t stored_s) {
  stored_last_s_ = std::max(stored_last_s_, stored_s);
  if (!blocks_ || blocks_->knows(key)) return;
  unlisted_.emplace(stored_s, key);
  const size_t files_max = context_.settings.block_index_max / (BlockIndex::kFileBlocks + 1);
  if (unlisted_.size() > files_max) unlisted_.erase(unlisted_.begin());
  list_blocks();
}

/// Gives the folder the next file to list, one at a time, since files in the queue may be evicted.
void Cache::list_blocks() {
  if (listing_ || !is_folder_up_ || index_->is_scanning()) return;
  while (!unlisted_.empty()) {
    const auto last = std::prev(unlisted_.end());
    const Unlisted next = *last;
    // Where this one finds no space, those that were stored before it do not either.
    if (!blocks_->has_space(next.first)) return unlisted_.clear();
    unlisted_.erase(last);
    if (!holds(next.second) || blocks_->knows(next.second)) continue;
    listing_ = next;
    return context_.out.push(GiveTask{ListBlocks{next.second, block_secret()}});
  }
}

void Cache::on_event(const BlocksListed& event, uint64_t) {
  if (event.verdict != BlocksListed::Verdict::kNone) return on_judged(event);
  // The folder may report a file that it was given before it went down.
  if (!listing_ || listing_->second != event.key) return;
  if (holds(event.key)) blocks_->add(event.key, listing_->first, event.blocks);
  if (!event.is_last) return;
  listing_.reset();
  list_blocks();
}

}  // namespace daphnis::broker
