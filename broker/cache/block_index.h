#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "broker/cache/block_table.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/cachefile/cache_file.h"
#include "common/request/car_request.h"

namespace daphnis::broker {

/// The block's key: the first bytes of a SHA-256 of `secret` and the CID's codec and multihash, so
/// that CIDs of version 0 and 1 have the same one. Nobody without the secret can make two blocks
/// whose keys are equal.
[[nodiscard]] BlockKey block_key_of(const Cid& cid, const Uuid& secret);

/// The keys of the blocks that a cached file lists, by its whole trailer. None for the answer to a
/// request for a raw block: that block has its file's key already. Errors: those of
/// read_cache_trailer(), kUnexpected (the file's request has another key).
[[nodiscard]] Result<std::vector<BlockKey>> block_keys_of(Bytes trailer, const CacheFooter& footer,
                                                          const RequestKey& key,
                                                          const Uuid& secret);

/// Knows in which cached file a block lies. It may err: the file may hold another block with the
/// same key, so whoever reads the file proves the block. Of several files that hold a block it
/// knows the one that was stored last. Bounded: where no space is left, the files that were stored
/// first are forgotten. Owned by the cache, which says what files it holds.
class BlockIndex {
 public:
  /// A file's own memory here, in blocks of about 20 bytes.
  static constexpr size_t kFileBlocks = 7;

  /// `blocks_max` bounds the blocks, of which each file counts as kFileBlocks more.
  explicit BlockIndex(size_t blocks_max) : blocks_max_(blocks_max) {}

  /// True where a file of that time of storing, in seconds since the epoch, has space here.
  [[nodiscard]] bool has_space(uint32_t stored_s) const;
  /// Adds blocks of a file, which may come in several parts. The file's later blocks are not added
  /// where space for them could only be had from files that were stored later.
  void add(const RequestKey& file, uint32_t stored_s, std::span<const BlockKey> blocks);
  /// Forgets a file and its blocks, as when the cache holds it no more.
  void forget(const RequestKey& file);
  /// Forgets which file holds the block.
  void forget(BlockKey block);

  /// The key of the file that seems to hold the block.
  [[nodiscard]] std::optional<RequestKey> find(BlockKey block) const;
  [[nodiscard]] bool knows(const RequestKey& file) const { return by_key_.contains(file); }
  [[nodiscard]] size_t blocks() const { return blocks_; }
  [[nodiscard]] size_t files() const { return files_.size(); }
  /// The memory of the blocks, without that of the files.
  [[nodiscard]] size_t block_bytes() const { return table_.memory_bytes(); }

 private:
  /// Numbers of files, given out in turn and used again after 2^32; never BlockTable::kNone.
  using FileNo = uint32_t;
  struct File {
    RequestKey key;
    uint32_t stored_s = 0;
    uint32_t blocks = 0;  ///< The blocks that are known to lie in this file.
  };
  /// The file that was stored first is the least.
  using Age = std::pair<uint32_t, FileNo>;

  [[nodiscard]] size_t charge() const { return blocks_ + kFileBlocks * files_.size(); }
  /// The number of the file, which is made known where it is not; nullopt where it has no space.
  [[nodiscard]] std::optional<FileNo> number_of(const RequestKey& file, uint32_t stored_s);
  /// Forgets files that were stored before that one until `more` fits. False: it does not fit.
  [[nodiscard]] bool make_space(size_t more, const Age& age);
  void forget_file(FileNo no);
  /// The file that the block is known to lie in; null where there is none.
  [[nodiscard]] File* holder_of(BlockKey block);

  size_t blocks_max_;
  size_t blocks_ = 0;
  BlockTable table_;
  absl::flat_hash_map<FileNo, File> files_;
  absl::flat_hash_map<RequestKey, FileNo> by_key_;
  absl::btree_set<Age> by_age_;
  FileNo last_no_ = 0;
};

}  // namespace daphnis::broker
