#include "l2/core/file_tree.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/ipld/hashes.h"

namespace daphnis::l2 {

FileTree::Small FileTree::small(const DagNode& node) {
  Small small{.digest = {}, .file_size = node.file_size, .dag_size = node.dag_size};
  std::ranges::copy(node.cid.digest(), small.digest.begin());
  return small;
}

DagNode FileTree::node(size_t level, size_t index) const {
  const Small& small = levels_[level][index];
  const auto cid = Cid::v1(level == 0 ? codec::kRaw : codec::kDagPb, hash::kSha2_256, small.digest);
  check(cid.has_value(), "a CID cannot be made of a sha2-256 digest");
  return {*cid, small.file_size, small.dag_size};
}

size_t FileTree::children_end(size_t level, size_t index) const {
  return std::min((index + 1) * kLinksMax, levels_[level - 1].size());
}

std::vector<DagNode> FileTree::children(size_t level, size_t index) const {
  std::vector<DagNode> out;
  const size_t end = children_end(level, index);
  out.reserve(end - index * kLinksMax);
  for (size_t i = index * kLinksMax; i < end; ++i) out.push_back(node(level - 1, i));
  return out;
}

void FileTree::add_leaf(Bytes leaf) {
  check(leaf.size() <= kLeafBytes, "a leaf is too large");
  check(file_size_ % kLeafBytes == 0, "a leaf came after a short one");
  levels_.front().push_back(small({sha256_cid(codec::kRaw, leaf), leaf.size(), leaf.size()}));
  file_size_ += leaf.size();
}

void FileTree::finish() {
  if (levels_.front().empty()) add_leaf({});
  while (levels_.back().size() > 1) {
    const size_t level = levels_.size();
    levels_.emplace_back();
    const size_t nodes = (levels_[level - 1].size() + kLinksMax - 1) / kLinksMax;
    for (size_t i = 0; i < nodes; ++i) {
      const std::vector<DagNode> below = children(level, i);
      levels_[level].push_back(small(node_above(below, encode_file_node(below))));
    }
  }
}

DagNode FileTree::root() const {
  check(levels_.back().size() == 1, "a file tree was asked for its root before its end");
  return node(levels_.size() - 1, 0);
}

FileTree::Walk::Walk(const FileTree& tree) : tree_(tree) {
  pending_.push_back({tree.levels_.size() - 1, 0});
}

std::optional<FileTree::Walk::Step> FileTree::Walk::next() {
  if (pending_.empty()) return std::nullopt;
  const Place at = pending_.back();
  pending_.pop_back();
  const Cid cid = tree_.node(at.level, at.index).cid;
  if (at.level == 0) return Step{cid, at.index, {}};
  for (size_t i = tree_.children_end(at.level, at.index); i-- > at.index * kLinksMax;) {
    pending_.push_back({at.level - 1, i});
  }
  return Step{cid, std::nullopt, encode_file_node(tree_.children(at.level, at.index))};
}

}  // namespace daphnis::l2
