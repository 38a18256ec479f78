#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// A node of a UnixFS DAG, as its parent refers to it.
struct DagNode {
  Cid cid = {};
  uint64_t file_size = 0;  ///< Bytes of the file below it; directories: unused.
  uint64_t dag_size = 0;   ///< Bytes of all blocks from it down, repeats counted (Tsize).
};

struct DagEntry {
  std::string name;
  DagNode node;
};

/// The dag-pb block (https://ipld.io/specs/codecs/dag-pb/spec/) of a file's inner node
/// (https://specs.ipfs.tech/unixfs/): links in this order, unnamed.
[[nodiscard]] std::vector<uint8_t> encode_file_node(std::span<const DagNode> children);

/// The dag-pb block of a basic directory. The entries must be sorted by the bytes of their names.
[[nodiscard]] std::vector<uint8_t> encode_directory(std::span<const DagEntry> entries);

/// The CIDv1 of a block, by sha2-256.
[[nodiscard]] Cid sha256_cid(uint64_t codec, Bytes block);

/// How `block` is referred to when it stands above `children`.
[[nodiscard]] DagNode node_above(std::span<const DagNode> children, Bytes block);

}  // namespace daphnis::l2
