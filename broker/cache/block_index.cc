#include "broker/cache/block_index.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/hash/sha256.h"
#include "common/ipld/cid_set.h"

namespace daphnis::broker {
namespace {

/// The number of a file that is never there: that of blocks whose file was forgotten.
constexpr uint32_t kNoFile = 0xffff'ffff;

}  // namespace

BlockKey block_key_of(const Cid& cid, const Uuid& secret) {
  const CidKey key(cid);
  std::array<uint8_t, sizeof secret + sizeof key.digest + sizeof key.kind> text;
  const auto digest_at = std::ranges::copy(secret, text.begin()).out;
  const auto kind_at = std::ranges::copy(key.digest, digest_at).out;
  std::memcpy(&*kind_at, &key.kind, sizeof key.kind);
  const auto digest = sha256(text);
  uint64_t first = 0;
  std::memcpy(&first, digest.data(), sizeof first);
  return BlockKey{first};
}

Result<std::vector<BlockKey>> block_keys_of(Bytes trailer, const CacheFooter& footer,
                                            const RequestKey& key, const Uuid& secret) {
  const Result<CacheTrailer> read = read_cache_trailer(trailer, footer);
  if (!read) return std::unexpected(read.error());
  if (key_of(read->request) != key) return fail(Errc::kUnexpected, "its request has another key");
  std::vector<BlockKey> keys;
  if (read->request.format == AnswerFormat::kRaw) return keys;
  keys.reserve(read->blocks.size());
  for (const CachedBlock& block : read->blocks) keys.push_back(block_key_of(block.cid, secret));
  return keys;
}

bool BlockIndex::has_space(uint32_t stored_s) const {
  if (charge() + kFileBlocks + 1 <= blocks_max_) return true;
  return !by_age_.empty() && by_age_.begin()->first <= stored_s;
}

void BlockIndex::add(const RequestKey& file, uint32_t stored_s, std::span<const BlockKey> blocks) {
  if (blocks.empty()) return;
  const std::optional<FileNo> no = number_of(file, stored_s);
  if (!no) return;
  const auto is_there = [this](FileNo other) { return files_.contains(other); };
  for (const BlockKey block : blocks) {
    if (File* holder = holder_of(block)) {
      if (holder->key == file || holder->stored_s > stored_s) continue;
      --holder->blocks;
    } else {
      if (!make_space(1, {stored_s, *no})) return;
      ++blocks_;
    }
    table_.set(block, *no, is_there);
    ++files_.at(*no).blocks;
  }
}

std::optional<BlockIndex::FileNo> BlockIndex::number_of(const RequestKey& file, uint32_t stored_s) {
  if (const auto known = by_key_.find(file); known != by_key_.end()) return known->second;
  do {
    ++last_no_;
  } while (last_no_ == BlockTable::kNone || last_no_ == kNoFile || files_.contains(last_no_));
  if (!make_space(kFileBlocks + 1, {stored_s, last_no_})) return std::nullopt;
  files_.emplace(last_no_, File{.key = file, .stored_s = stored_s});
  by_key_.emplace(file, last_no_);
  by_age_.emplace(stored_s, last_no_);
  return last_no_;
}

bool BlockIndex::make_space(size_t more, const Age& age) {
  while (charge() + more > blocks_max_) {
    if (by_age_.empty() || *by_age_.begin() >= age) return false;
    forget_file(by_age_.begin()->second);
  }
  return true;
}

void BlockIndex::forget(const RequestKey& file) {
  const auto known = by_key_.find(file);
  if (known != by_key_.end()) forget_file(known->second);
}

void BlockIndex::forget_file(FileNo no) {
  const auto file = files_.find(no);
  blocks_ -= file->second.blocks;
  by_age_.erase({file->second.stored_s, no});
  by_key_.erase(file->second.key);
  files_.erase(file);
  if (files_.empty()) table_.clear();
}

void BlockIndex::forget(BlockKey block) {
  File* holder = holder_of(block);
  if (!holder) return;
  --holder->blocks;
  --blocks_;
  table_.set(block, kNoFile, [this](FileNo no) { return files_.contains(no); });
}

std::optional<RequestKey> BlockIndex::find(BlockKey block) const {
  const auto holder = files_.find(table_.find(block));
  if (holder == files_.end()) return std::nullopt;
  return holder->second.key;
}

BlockIndex::File* BlockIndex::holder_of(BlockKey block) {
  const auto holder = files_.find(table_.find(block));
  // A number may be used again while blocks of its last file are in the table.
  return holder == files_.end() || holder->second.blocks == 0 ? nullptr : &holder->second;
}

}  // namespace daphnis::broker
