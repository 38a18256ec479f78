#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ipld/cid_set.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/hamt.h"
#include "common/ipld/unixfs.h"
#include "l2/disk/block_input.h"
#include "l2/disk/output_tree.h"
#include "l2/disk/unpack.h"

namespace daphnis::l2 {

/// Walks a UnixFS DAG depth-first and writes its files and folders. Holds the blocks of the nodes
/// from the root down to the current one. For a stream, which may leave repeated blocks out, it
/// also keeps inner nodes and remembers where leaves were written, both bounded. Owned by unpack().
class Unpacker {
 public:
  enum class Repeats : uint8_t { kCome, kMayBeLeftOut };

  Unpacker(BlockInput& input, OutputTree& output, Repeats repeats)
      : input_(input), output_(output), repeats_(repeats) {}

  /// Writes the DAG below `root` as `name`.
  [[nodiscard]] Result<void> run(const Cid& root, std::string_view name,
                                 const std::atomic<bool>* is_interrupted);

 private:
  enum class Kind : uint8_t { kFile, kFolder, kShard };
  /// A node whose links are being followed.
  struct Frame {
    Kind kind;
    bool is_topmost;  ///< The file or folder ends with this node.
    Slice block;      ///< The block that `links` reads.
    std::variant<DagPbReader, HamtReader> links;
  };
  /// A block, or the place where its file bytes have been written already.
  using Found = std::variant<Slice, OutputTree::Region>;

  [[nodiscard]] Result<Found> find(const Cid& cid);
  [[nodiscard]] Result<void> step();
  [[nodiscard]] Result<void> enter(const Cid& cid, std::string_view name);
  [[nodiscard]] Result<void> enter_node(const Cid& cid, const Slice& block, std::string_view name);
  [[nodiscard]] Result<void> enter_part(const Cid& cid);
  [[nodiscard]] Result<void> enter_shard(const Cid& cid);
  [[nodiscard]] Result<void> put_shard(const Cid& cid, const Slice& block, bool is_topmost);
  [[nodiscard]] Result<void> put_part(const Cid& cid, const Slice& block, bool is_topmost);
  [[nodiscard]] Result<void> put_leaf(const Cid& cid, Bytes content);
  [[nodiscard]] Result<void> push(const Cid& cid, Frame frame);
  void pop();

  BlockInput& input_;
  OutputTree& output_;
  Repeats repeats_;
  std::vector<Frame> frames_;
  size_t frame_bytes_ = 0;

  absl::flat_hash_map<CidKey, Slice> nodes_;
  size_t node_bytes_ = 0;
  absl::flat_hash_map<CidKey, OutputTree::Region> leaves_;
};

}  // namespace daphnis::l2
