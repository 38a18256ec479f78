#pragma once

#include <openssl/sha.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/cachefile/cache_file.h"
#include "common/ipld/car.h"
#include "common/ipld/hashes.h"

namespace daphnis::test {

/// A cached file as a worker would have written it.
struct CachedFile {
  RequestKey key{};
  Cid root;
  std::vector<uint8_t> bytes;
  uint64_t body_bytes = 0;
  std::vector<CachedBlock> blocks;
};

struct Block {
  Cid cid;
  std::vector<uint8_t> data;
};

inline Block raw_block(std::vector<uint8_t> data) {
  const Cid cid = *Hasher().cid_of(codec::kRaw, hash::kSha2_256, data);
  return {cid, std::move(data)};
}

/// A dag-pb node that links to `children` (https://ipld.io/specs/codecs/dag-pb/spec/).
inline Block parent_of(const std::vector<Block>& children) {
  std::vector<uint8_t> node;
  for (const Block& child : children) {
    const Bytes cid = child.cid.bytes();
    node.insert(node.end(), {0x12, static_cast<uint8_t>(cid.size() + 4), 0x0a,
                             static_cast<uint8_t>(cid.size())});
    node.insert(node.end(), cid.begin(), cid.end());
    node.insert(node.end(), {0x12, 0x00});
  }
  const Cid cid = *Hasher().cid_of(codec::kDagPb, hash::kSha2_256, node);
  return {cid, std::move(node)};
}

/// A cached file whose body is the output of `request` from these blocks.
inline CachedFile cached_file(const CarRequest& request, const std::vector<Block>& blocks) {
  CachedFile file;
  file.root = request.root;
  file.key = key_of(request);
  CacheTrailerWriter trailer;
  if (request.format == AnswerFormat::kCar) {
    std::array<uint8_t, kCarHeaderWrittenMax> header;
    const size_t size = write_car_header(request.root, header);
    file.bytes.assign(header.begin(), header.begin() + static_cast<ptrdiff_t>(size));
  }
  for (const Block& block : blocks) {
    if (request.format == AnswerFormat::kCar) {
      std::array<uint8_t, kSectionHeadBytesMax> head;
      const size_t size = write_section_head(block.cid, block.data.size(), head);
      file.bytes.insert(file.bytes.end(), head.begin(),
                        head.begin() + static_cast<ptrdiff_t>(size));
    }
    file.blocks.push_back({block.cid, file.bytes.size(), static_cast<uint32_t>(block.data.size())});
    trailer.add_block(block.cid, file.bytes.size(), static_cast<uint32_t>(block.data.size()));
    file.bytes.insert(file.bytes.end(), block.data.begin(), block.data.end());
  }
  file.body_bytes = file.bytes.size();
  trailer.add_body(file.bytes);
  const auto end = std::move(trailer).finish(request);
  file.bytes.insert(file.bytes.end(), end.begin(), end.end());
  return file;
}

/// The same file in version 1, which has no sums.
inline CachedFile in_version_1(CachedFile file) {
  const Bytes all(file.bytes);
  const auto footer = *read_cache_footer(all.last(kCacheFooterBytes), all.size());
  const auto at = file.bytes.begin() + static_cast<ptrdiff_t>(footer.sums_offset());
  file.bytes.erase(at, at + static_cast<ptrdiff_t>(footer.sums_bytes()));
  file.bytes[file.bytes.size() - kCacheFooterBytes + 8] = 1;
  const std::span trailer = std::span(file.bytes).subspan(file.body_bytes);
  SHA256(trailer.data(), trailer.size() - 32, trailer.last(32).data());
  return file;
}

/// A cached whole DAG of `leaves` raw leaves of `leaf_bytes` each; each `seed` makes another file.
inline CachedFile cached_dag(uint32_t seed, size_t leaves = 3, size_t leaf_bytes = 1000) {
  std::vector<Block> blocks;
  for (size_t leaf = 0; leaf < leaves; ++leaf) {
    std::vector<uint8_t> data(leaf_bytes);
    uint32_t state = seed * 2654435761U + static_cast<uint32_t>(leaf) + 1;
    for (uint8_t& byte : data) {
      state = state * 1664525U + 1013904223U;
      byte = static_cast<uint8_t>(state >> 24);
    }
    blocks.push_back(raw_block(std::move(data)));
  }
  blocks.insert(blocks.begin(), parent_of(blocks));
  return cached_file(CarRequest{.root = blocks.front().cid}, blocks);
}

}  // namespace daphnis::test
