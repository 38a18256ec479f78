#include "worker/cache/block_index.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/varint.h"

namespace daphnis::worker {
namespace {

/// Takes a varint off the front. False where there is none.
bool take_varint(Bytes& in, uint64_t& value) {
  const auto read = read_varint(in);
  if (!read) return false;
  value = read->value;
  in = in.subspan(read->size);
  return true;
}

}  // namespace

bool BlockIndex::is_before(const CidKey& a, const CidKey& b) {
  return std::tie(a.digest, a.kind) < std::tie(b.digest, b.kind);
}

void BlockIndex::add(const Cid& cid, uint64_t offset, uint32_t size) {
  entries_.push_back({.key = CidKey(cid), .size = size, .offset = offset});
}

void BlockIndex::sort() {
  std::ranges::sort(entries_, is_before, &Entry::key);
}

Result<BlockIndex> BlockIndex::from_trailer(Bytes trailer, const CacheFooter& footer) {
  const Result<CacheTrailer> read = read_cache_trailer(trailer, footer);
  if (!read) return std::unexpected(read.error());
  if (read->blocks.empty()) return fail(Errc::kNotFound, "the file keeps no list of blocks");
  BlockIndex index;
  index.entries_.reserve(read->blocks.size());
  for (const CachedBlock& block : read->blocks) index.add(block.cid, block.offset, block.size);
  index.sort();
  return index;
}

Result<BlockIndex> BlockIndex::from_car(Bytes car) {
  BlockIndex index;
  Bytes left = car;
  uint64_t size = 0;
  for (bool is_header = true; !left.empty(); is_header = false) {
    if (!take_varint(left, size) || size > left.size()) {
      return fail(Errc::kMalformed, "a section is cut short");
    }
    const Bytes section = left.first(static_cast<size_t>(size));
    left = left.subspan(section.size());
    if (is_header) continue;
    const auto prefix = Cid::prefix_of(section);
    if (!prefix) return fail(Errc::kMalformed, "a section begins with no CID");
    const size_t block_bytes = section.size() - prefix->size;
    index.add(prefix->cid, car.size() - left.size() - block_bytes,
              static_cast<uint32_t>(block_bytes));
  }
  index.sort();
  return index;
}

std::optional<BlockIndex::Place> BlockIndex::find(const Cid& cid) const {
  const CidKey key(cid);
  const auto found = std::ranges::lower_bound(entries_, key, is_before, &Entry::key);
  if (found == entries_.end() || found->key != key) return std::nullopt;
  return Place{.offset = found->offset, .size = found->size};
}

}  // namespace daphnis::worker
