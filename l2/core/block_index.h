#pragma once

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "absl/container/btree_set.h"
#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// Where a section (length, CID and body) of a CAR lies.
struct SectionPlace {
  uint32_t file;    ///< A number that the store gives each file it reads.
  uint64_t offset;  ///< Bytes from the file's start; below kOffsetLimit.
  uint32_t size;    ///< Bytes of the whole section; below kSizeLimit.

  static constexpr uint64_t kOffsetLimit = uint64_t{1} << 40;
  static constexpr uint32_t kSizeLimit = uint32_t{1} << 24;

  [[nodiscard]] bool operator==(const SectionPlace&) const = default;
};

/// One section in the index; made by BlockIndex::entry_of(), which needs no lock.
class BlockIndexEntry {
 public:
  [[nodiscard]] bool operator<(const BlockIndexEntry& other) const {
    return std::tie(key_, place_, file_) < std::tie(other.key_, other.place_, other.file_);
  }

 private:
  friend class BlockIndex;
  BlockIndexEntry(uint64_t key, const SectionPlace& place);

  [[nodiscard]] SectionPlace place() const;

  uint64_t key_;
  uint64_t place_;  ///< 40 bits of offset, 24 of size.
  uint32_t file_;
  mutable bool is_proven_ = false;  ///< Not compared by operator<.
};

/// Maps blocks to the sections of a store's CARs that may hold them. An entry takes 24 bytes, since
/// only 64 bits of the multihash are kept; so a section that is found is a candidate, and its
/// reader has to compare its CID. A block may lie in any number of places. Not thread-safe. Owned
/// by the store.
class BlockIndex {
 public:
  /// More copies of one block than this are not tried.
  static constexpr size_t kCopiesTriedMax = 8;

  struct Candidate {
    SectionPlace place;
    bool is_proven;  ///< mark_proven() was called for it.
  };
  using Entry = BlockIndexEntry;

  [[nodiscard]] static Entry entry_of(const Cid& cid, const SectionPlace& place);

  void add(std::span<const Entry> entries);
  /// Up to `most` candidates, unsorted.
  [[nodiscard]] std::vector<Candidate> find(const Cid& cid, size_t most) const;
  /// True where a section of that file may hold the block.
  [[nodiscard]] bool is_in_file(const Cid& cid, uint32_t file) const;
  /// Notes that the section's body has the digest of its CID.
  void mark_proven(const Cid& cid, const SectionPlace& place);
  /// Removes a section that does not hold the block.
  void forget(const Cid& cid, const SectionPlace& place);
  /// Removes all sections of these files; `files` is sorted. Costs a pass over the index.
  void forget_files(std::span<const uint32_t> files);

  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  [[nodiscard]] static uint64_t key_of(const Cid& cid);

  absl::btree_set<Entry> entries_;
};

}  // namespace daphnis::l2
