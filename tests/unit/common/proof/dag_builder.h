#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/ipld/hashes.h"
#include "tests/unit/common/proof/support.h"

namespace daphnis::test {

/// Builds DAGs of every kind that a walk meets, and knows by construction which blocks a walk must
/// find in them: no block is read back here.
class DagBuilder {
 public:
  enum class Kind { kLeaf, kFile, kDirectory, kShard, kData };

  /// One step of a path from a node: the path segments, the nodes in between (HAMT shards) and the
  /// target.
  struct Step {
    std::vector<std::string> segments;
    std::vector<size_t> via;
    size_t target;
  };
  struct Node {
    Cid cid;
    ByteVector bytes;
    Kind kind = Kind::kLeaf;
    std::vector<size_t> links = {};    ///< In encoded order.
    std::vector<uint64_t> sizes = {};  ///< Of a file: bytes below each link.
    uint64_t own_size = 0;             ///< Of a file: bytes inside the node.
    std::vector<Step> steps = {};
  };

  explicit DagBuilder(uint32_t seed) : random(seed) {}

  size_t raw(ByteVector bytes, uint64_t hash_code = hash::kSha2_256);
  size_t file(const std::vector<size_t>& children, const ByteVector& inside = {}, bool v0 = false);
  size_t directory(const std::vector<std::pair<std::string, size_t>>& entries);
  /// A HAMT directory with 2^bits children per shard.
  size_t hamt(const std::vector<std::pair<std::string, size_t>>& entries, unsigned bits);
  /// {"k0": link, "k1": [link, …], …, "n": 7}
  size_t dag_cbor(const std::vector<std::vector<size_t>>& groups);
  size_t dag_json(const std::vector<std::vector<size_t>>& groups);

  [[nodiscard]] uint64_t size_of(size_t node) const;
  [[nodiscard]] MemorySource source() const;

  /// A random DAG over few different leaves, so that repeats abound. Returns its root.
  size_t random_dag(int depth);
  /// A random request below `root`; its path exists.
  CarRequest random_request(size_t root, std::vector<size_t>& path_nodes);

  /// The CIDs of the answer to `request` with dups=y, where `path_nodes` are the path's blocks.
  [[nodiscard]] std::vector<Cid> expected(const CarRequest& request,
                                          const std::vector<size_t>& path_nodes) const;

  std::vector<Node> nodes;
  std::mt19937 random;

 private:
  size_t add(uint64_t codec, uint64_t hash_code, Node node, bool v0 = false);
  size_t shard(const std::vector<std::pair<std::string, size_t>>& entries, unsigned bits,
               unsigned used);
  size_t random_file(int depth);
  void list_all(size_t node, std::vector<Cid>& out) const;
  void list_shards(size_t node, std::vector<Cid>& out) const;
  void list_range(size_t node, uint64_t from, uint64_t to, std::vector<Cid>& out) const;
  void put(size_t node, std::vector<Cid>& out) const;
};

/// `cids` without repeats.
[[nodiscard]] std::vector<Cid> without_repeats(const std::vector<Cid>& cids);

}  // namespace daphnis::test
