#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "l2/core/unixfs_encode.h"

namespace daphnis::l2 {

inline constexpr size_t kLeafBytes = 1024 * 1024;  ///< Bytes of each leaf but the last.
inline constexpr size_t kLinksMax = 1024;          ///< Children of an inner node.

/// The balanced UnixFS tree over a file's leaves (raw blocks): nodes are full from the left, and a
/// file of one leaf is that leaf. Keeps 48 bytes a leaf and makes the blocks of inner nodes when
/// they are wanted. Owned by the pack of the file.
class FileTree {
 public:
  /// Appends the next leaf; only the last leaf may have less than kLeafBytes.
  void add_leaf(Bytes leaf);
  /// Builds the tree after the last leaf (an empty file gets one empty leaf). Call once.
  void finish();

  [[nodiscard]] DagNode root() const;
  [[nodiscard]] uint64_t file_size() const { return file_size_; }
  [[nodiscard]] size_t leaves() const { return levels_.front().size(); }

  /// Visits the tree in pre-order. Owned by the caller; the tree must outlive it.
  class Walk {
   public:
    explicit Walk(const FileTree& tree);
    struct Step {
      Cid cid;
      std::optional<size_t> leaf;  ///< A leaf's number, from 0; its bytes are in the file.
      std::vector<uint8_t> block;  ///< An inner node's block.
    };
    /// The next node; nullopt after the last.
    [[nodiscard]] std::optional<Step> next();

   private:
    struct Place {
      size_t level;
      size_t index;
    };
    const FileTree& tree_;
    std::vector<Place> pending_;  ///< The next node is last; at most one node's children per level.
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
