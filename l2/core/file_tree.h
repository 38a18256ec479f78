#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "l2/core/unixfs_encode.h"

namespace daphnis::l2 {

inline constexpr size_t kLeafBytes = 1024 * 1024;  ///< What a leaf holds, all but the last.
inline constexpr size_t kLinksMax = 1024;          ///< Children of an inner node.

/// The balanced UnixFS tree over a file's leaves (raw blocks): full nodes from the left, a file of
/// one leaf is that leaf. Keeps 48 bytes a leaf and makes the blocks of inner nodes anew when they
/// are wanted. Owned by whoever packs the file.
class FileTree {
 public:
  /// Appends the next leaf; only the last may have less than kLeafBytes.
  void add_leaf(Bytes leaf);
  /// No more leaves will come (an empty file has one empty leaf). Call once.
  void finish();

  [[nodiscard]] DagNode root() const;
  [[nodiscard]] uint64_t file_size() const { return file_size_; }
  [[nodiscard]] size_t leaves() const { return levels_.front().size(); }

  /// Passes over the tree in pre-order. Owned by the caller; the tree must outlive it.
  class Walk {
   public:
    explicit Walk(const FileTree& tree);
    struct Step {
      Cid cid;
      std::optional<size_t> leaf;  ///< Which one, from 0; its bytes are in the file.
      std::vector<uint8_t> block;  ///< Otherwise the inner node.
    };
    /// nullopt after the last.
    [[nodiscard]] std::optional<Step> next();

   private:
    struct Place {
      size_t level;
      size_t index;
    };
    const FileTree& tree_;
    std::vector<Place> pending_;  ///< Last first; at most one node's children per level.
  };

 private:
  struct Small {
    std::array<uint8_t, 32> digest;
    uint64_t file_size;
    uint64_t dag_size;
  };
  [[nodiscard]] static Small small(const DagNode& node);
  [[nodiscard]] DagNode node(size_t level, size_t index) const;
  [[nodiscard]] size_t children_end(size_t level, size_t index) const;
  [[nodiscard]] std::vector<DagNode> children(size_t level, size_t index) const;

  std::vector<std::vector<Small>> levels_{1};  ///< Leaves first, the root alone in the last.
  uint64_t file_size_ = 0;
};

}  // namespace daphnis::l2
