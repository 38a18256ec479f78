#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/ipld/cid.h"

namespace daphnis::l2 {

/// A node of a UnixFS DAG, with what its parent says of it.
struct DagNode {
  Cid cid = {};
  uint64_t file_size = 0;  ///< Bytes of the file from this node down; unused for directories.
  uint64_t dag_size = 0;   ///< Bytes of all blocks from this node down, repeats counted (Tsize).
};

struct DagEntry {
  std::string name;
  DagNode node;
};

/// The dag-pb block (https://ipld.io/specs/codecs/dag-pb/spec/) of a file's inner node
/// (https://specs.ipfs.tech/unixfs/): an unnamed link to each of `children`.
[[nodiscard]] std::vector<uint8_t> encode_file_node(std::span<const DagNode> children);

/// The dag-pb block of a basic directory. The entries must be sorted by the bytes of their names.
[[nodiscard]] std::vector<uint8_t> encode_directory(std::span<const DagEntry> entries);

/// The block's CID of version 1 with sha2-256.
[[nodiscard]] Cid sha256_cid(uint64_t codec, Bytes block);

/// The node whose block is `block` and whose links lead to `children`.
[[nodiscard]] DagNode node_above(std::span<const DagNode> children, Bytes block);

}  // namespace daphnis::l2
