#include "l2/disk/store.h"

#include <algorithm>

#include "common/ipld/hashes.h"

namespace daphnis::l2 {

Store::Totals Store::totals() const {
  const std::shared_lock lock(mutex_);
  return {files_.size(), index_.size(), damaged_blocks_};
}

std::shared_ptr<const File> Store::open(uint32_t id) {
  {
    const std::lock_guard lock(open_mutex_);
    const auto at =
        std::ranges::find(open_files_, id, [](const auto& entry) { return entry.first; });
    if (at != open_files_.end()) {
      open_files_.splice(open_files_.begin(), open_files_, at);
      return at->second;
    }
  }
  Indexed wanted;
  {
    const std::shared_lock lock(mutex_);
    const auto at = files_.find(id);
    if (at == files_.end()) return nullptr;
    wanted = at->second;
  }
  auto opened = File::open_to_read(wanted.path);
  if (!opened) return nullptr;
  // Another file may have taken the name since the scan; the next scan will find it.
  const auto stamp = opened->stamp();
  if (!stamp || *stamp != wanted.stamp) return nullptr;
  const auto file = std::make_shared<const File>(std::move(*opened));
  const std::lock_guard lock(open_mutex_);
  open_files_.emplace_front(id, file);
  if (open_files_.size() > limits::kStoreOpenFilesMax) open_files_.pop_back();
  return file;
}

Result<Slice> Store::read_candidate(const Cid& cid, const BlockIndex::Candidate& candidate) {
  const SectionPlace& place = candidate.place;
  const auto file = open(place.file);
  if (!file) return fail(Errc::kNotFound, "the file has changed");
  auto block = read_section(*file, place.offset, place.size, cid);
  if (!block || candidate.is_proven) return block;
  Hasher hasher;
  const bool is_sound = hasher.matches(cid, block->bytes(), Sha1::kAllowed);
  const std::unique_lock lock(mutex_);
  if (!is_sound) {
    ++damaged_blocks_;
    index_.forget(cid, place);
    return fail(Errc::kHashMismatch,
                file->name() + " is damaged at " + std::to_string(place.offset));
  }
  index_.mark_proven(cid, place);
  return block;
}

Result<Slice> Store::read(const Cid& cid) {
  std::vector<BlockIndex::Candidate> candidates;
  {
    const std::shared_lock lock(mutex_);
    candidates = index_.find(cid, BlockIndex::kCopiesTriedMax);
  }
  for (const BlockIndex::Candidate& candidate : candidates) {
    auto block = read_candidate(cid, candidate);
    if (block) return block;
  }
  return fail(Errc::kNotFound, "no file of the store holds " + cid.text());
}

}  // namespace daphnis::l2
