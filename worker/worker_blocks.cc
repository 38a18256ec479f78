// The part of Worker that takes single blocks out of cached files that the broker names.

#include <utility>

#include "common/ipld/hashes.h"
#include "common/proof/producer.h"
#include "worker/worker.h"

namespace daphnis::worker {
namespace {

/// A store of one block.
class OneBlock final : public BlockSource {
 public:
  OneBlock(const Cid& cid, const Slice& block) : cid_(cid), block_(block) {}

  Read read(const Cid& cid, Slices& into) override {
    if (!cid.names_same_block(cid_)) return Read::kMissing;
    if (block_.size > 0) into.push_back(block_);
    return Read::kOk;
  }

 private:
  const Cid& cid_;
  const Slice& block_;
};

/// The output of a request for that block; nothing where the block alone does not make it.
std::optional<Slices> output_of(const CarRequest& request, const WalkBudget& budget,
                                const Slice& block) {
  Slices out;
  if (request.format == AnswerFormat::kRaw) {
    if (block.size > 0) out.push_back(block);
    return out;
  }
  OneBlock source(request.root, block);
  Producer producer(request, budget);
  auto state = Producer::State::kMore;
  while (state == Producer::State::kMore) {
    state = producer.produce(source, limits::kBlockBytesMax, out);
  }
  return state == Producer::State::kComplete ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

void Worker::look_for_block(Fetch& fetch, const RequestKey& file, uint64_t now_ms) {
  const FetchId id = fetch.id();
  fetch.set_join({.state = ipc::JoinState::kCached, .is_in_cache = true});
  const CacheWaiterId look = cache_.look_up(
      file, {},
      [this, id, file](const Cache::Found& found, uint64_t at_ms) {
        on_block_file({.fetch = id, .key = file}, found, at_ms);
      },
      now_ms);
  note_look(id, look);
}

/// Notes what the fetch waits for. Without a waiter that has ended already, and perhaps the fetch
/// too.
void Worker::note_look(FetchId id, CacheWaiterId look) {
  if (!is_none(look)) fetches_.find(id)->join()->look = look;
}

void Worker::on_block_file(BlockHolder holder, const Cache::Found& found, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(holder.fetch);
  if (!fetch || !fetch->join()) return;
  if (!found.file) {
    const ipc::BlockFile why = found.is_missing ? ipc::BlockFile::kLost : ipc::BlockFile::kNo;
    return lose_block(*fetch, why, now_ms);
  }
  holder.file = *found.file;
  const CacheWaiterId look = cache_.index_of(
      holder.key, holder.file,
      [this, holder](CacheRead read, uint64_t at_ms) {
        on_block_index(holder, std::move(read), at_ms);
      },
      now_ms);
  note_look(holder.fetch, look);
}

void Worker::on_block_index(const BlockHolder& holder, CacheRead read, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(holder.fetch);
  if (!fetch || !fetch->join()) return;
  if (read.outcome != CacheRead::Outcome::kDone) return on_block_unread(holder, read, now_ms);
  const auto place = read.index->find(fetch->request().root);
  if (!place) return lose_block(*fetch, ipc::BlockFile::kLost, now_ms);
  if (!holder.file.file) {
    const Slice& body = holder.file.body;
    return on_block(holder,
                    {.outcome = CacheRead::Outcome::kDone,
                     .bytes = body.part(static_cast<size_t>(place->offset), place->size)},
                    now_ms);
  }
  const CacheWaiterId look = cache_.read(
      holder.file, place->offset, place->size,
      [this, holder](CacheRead block, uint64_t at_ms) {
        on_block(holder, std::move(block), at_ms);
      },
      now_ms);
  note_look(holder.fetch, look);
}

/// Ends the fetch with the block, once it is proven: the broker may have named a file that holds
/// another one.
void Worker::on_block(const BlockHolder& holder, CacheRead read, uint64_t now_ms) {
  Fetch* fetch = fetches_.find(holder.fetch);
  if (!fetch || !fetch->join()) return;
  if (read.outcome != CacheRead::Outcome::kDone) return on_block_unread(holder, read, now_ms);
  const CarRequest& request = fetch->request();
  if (!Hasher().matches(request.root, read.bytes.bytes(), settings_.budget.sha1)) {
    read = {.outcome = CacheRead::Outcome::kCorrupt, .detail = "a block has another hash"};
    return on_block_unread(holder, read, now_ms);
  }
  auto output = output_of(request, settings_.budget, read.bytes);
  if (!output) return lose_block(*fetch, ipc::BlockFile::kNo, now_ms);
  cache_.count_hit(holder.key, now_ms);
  fetch->forget_join();
  fetch->on_block(*output, holder.file.stored_s, now_ms);
  fetches_.drop_if_unwanted(*fetch, now_ms);
}

void Worker::on_block_unread(const BlockHolder& holder, CacheRead& read, uint64_t now_ms) {
  const bool is_corrupt = read.outcome == CacheRead::Outcome::kCorrupt;
  const bool is_fault = is_corrupt || read.outcome == CacheRead::Outcome::kUnreadable;
  if (is_fault) {
    cache_.report(holder.key,
                  is_corrupt ? ipc::CacheFaultKind::kCorrupt : ipc::CacheFaultKind::kUnreadable,
                  std::move(read.detail));
  }
  lose_block(*fetches_.find(holder.fetch), is_fault ? ipc::BlockFile::kLost : ipc::BlockFile::kNo,
             now_ms);
}

/// Asks again for a block that could not be had, once: no other file is named for it.
void Worker::lose_block(Fetch& fetch, ipc::BlockFile why, uint64_t now_ms) {
  fetch.on_block_lost(why);
  lose_join(fetch, now_ms);
  fetches_.ask(fetch, false, now_ms);
}

}  // namespace daphnis::worker
