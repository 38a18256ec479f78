#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/ipld/cid.h"
#include "common/ipld/cid_set.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/unixfs.h"
#include "common/proof/walk_budget.h"
#include "common/request/car_request.h"

namespace daphnis {

/// Says which block must come next in the output of a request, takes that block, and knows when the
/// output is complete (https://specs.ipfs.tech/http-gateways/trustless-gateway/). Depth-first in
/// pre-order, links in encoded order: the blocks along the path, then the blocks that the scope
/// covers. Identity CIDs are walked through and never wanted. With dups=n a block is wanted once,
/// with dups=y at each occurrence. The same walk checks a stream (Verifier) and makes one
/// (Producer). The walk does not hash: its caller must give it the bytes of next(). Holds pending
/// links in a compact stack and a set of covered blocks, both bounded; its work is in proportion to
/// the blocks it takes. A copy goes on by itself from where the walk is. Sans-I/O.
class Walk {
 public:
  enum class State : uint8_t { kWantsBlock, kDone, kFailed };

  /// How the path ended; valid in kDone. Anything but kFound is proven by the blocks up to there.
  enum class Outcome : uint8_t {
    kFound,
    kMissing,   ///< A directory, map or list lacks the next segment, or a leaf has nothing below.
    kNotALink,  ///< The path ends at a value inside a block, which no CAR can express.
  };

  /// What the walk does at a link whose codec or hash is not known, at a block that does not
  /// decode, and at a node that lies too deep.
  enum class Unreadable : uint8_t {
    kFails,      ///< The walk fails: the output needs the node.
    kPassedOver  ///< The node is left out with all that is below it: the walk only follows a
                 ///< stream.
  };

  Walk(const CarRequest& request, const WalkBudget& budget,
       Unreadable unreadable = Unreadable::kFails);

  [[nodiscard]] State state() const { return state_; }
  /// The CID of the link that leads to the block wanted. Valid in kWantsBlock.
  [[nodiscard]] const Cid& next() const { return visit_.cid; }
  /// Takes the block that was wanted. Leaves are not read, so their slices need not be joined.
  State on_block(std::span<const Slice> block);
  /// Goes on without the block that was wanted, and without all below it. Only for a walk that
  /// passes over what it cannot read.
  State pass_over_block();

  [[nodiscard]] Outcome outcome() const { return outcome_; }
  /// True where the output ends with the block that the path names (dag-scope=block, format=raw).
  [[nodiscard]] bool is_for_one_block() const { return scope_ == DagScope::kBlock; }
  /// The number of the path's segments that lead to the block where the path has come to.
  [[nodiscard]] size_t segments_found() const { return path_at_; }
  /// Valid in kFailed; the fault is the content's, whoever sent it. kMalformed (a block does not
  /// decode), kUnsupported (codec or hash of a link), kTooLarge (a budget), kDenied (the block due
  /// may not be served).
  [[nodiscard]] const Error& failure() const { return failure_; }
  /// Why the walk has failed with kDenied; else empty.
  [[nodiscard]] const std::optional<Denial>& denial() const { return denial_; }
  /// True once a node was passed over: a stream may hold it, and blocks below it, at any place.
  [[nodiscard]] bool has_passed_over() const { return has_passed_over_; }
  /// Blocks that on_block() has taken so far: each occurrence with dups=y, and no identity CIDs.
  [[nodiscard]] uint64_t visits() const { return visits_; }
  /// Identity links walked through so far. A stream may hold as many sections with identity CIDs.
  [[nodiscard]] uint64_t identity_visits() const { return identity_visits_; }

 private:
  /// What a block is visited for.
  enum class Mode : uint8_t {
    kPath,      ///< On the way to the terminal block: one of its links is followed.
    kTerminal,  ///< The block that the path names: the scope decides what is visited below it.
    kAll,       ///< The block and everything below it.
    kRange,     ///< Part of a file: the blocks that overlap bytes [from, to) of this node's.
    kShards,    ///< A HAMT shard and the shards below it, without the entries.
  };
  struct Visit {
    Cid cid = {};
    Mode mode = Mode::kTerminal;
    size_t depth = 1;   ///< 1 for the root.
    uint64_t from = 0;  ///< kRange only.
    uint64_t to = 0;
  };
  /// One node's links that are still to be visited: links_[at..], up to the next frame's begin.
  struct Frame {
    size_t begin;
    size_t at;
    size_t depth;  ///< The children's depth.
  };
  /// A block in slices, which are joined only where its bytes must be read.
  class Block;

  // walk.cc: the traversal.
  void advance();
  [[nodiscard]] bool take_next();
  void want();
  void expand(Block& block);
  void expand_terminal(Block& block);
  void expand_entity(Block& block);
  void push_all(Block& block);
  void push_links(Block& block);
  void push_shards(Block& block);
  void begin_frame();
  /// Adds one link of the visited node to the pending links; false where the walk failed over it.
  [[nodiscard]] bool push_link(Bytes cid, Mode mode, uint64_t from = 0, uint64_t to = 0);
  /// True where the link's block can be proven and read; else the walk fails.
  [[nodiscard]] bool admit(const Cid& cid, Mode mode);
  [[nodiscard]] bool fits(uint64_t codec, Mode mode) const;
  void end_frame();
  [[nodiscard]] bool pass_over();
  void cover();

  // walk_file.cc: byte ranges of UnixFS files.
  void expand_range(Block& block);
  /// The bytes [from, to) of a file of `size` bytes that a range covers; nullopt where it is empty.
  struct Window {
    uint64_t from;
    uint64_t to;
  };
  [[nodiscard]] static std::optional<Window> window_of(const ByteRange& range, uint64_t size);
  [[nodiscard]] std::optional<uint64_t> file_size(const UnixFs& unixfs, size_t links);
  void retain(Bytes block);

  // walk_path.cc: one step of the path.
  void expand_path(Block& block);
  void step_through_dag_pb(Bytes block);
  void step_through_shard(const UnixFs& unixfs, size_t links, Bytes block);
  void step_by_name(Bytes block);
  void step_through_node(Bytes block);
  void follow(Bytes cid, size_t segments_used);
  void end_at(Outcome outcome);

  void fail_with(Errc code, std::string_view what);
  void fail_malformed(std::string_view what);

  WalkBudget budget_;
  std::vector<std::string> path_;
  std::optional<ByteRange> range_;
  DagScope scope_;
  bool dups_;
  Unreadable unreadable_;
  bool has_passed_over_ = false;
  bool is_root_excepted_ = false;  ///< The list allows the request, whatever it says of the root.

  State state_ = State::kWantsBlock;
  Outcome outcome_ = Outcome::kFound;
  Visit visit_;                  // the visit that is being made or is wanted next
  std::optional<Visit> single_;  // the only link to follow, before the scope begins
  size_t path_at_ = 0;
  unsigned hamt_bits_ = 0;      // bits of path_[path_at_]'s hash that the shards above have used
  std::vector<uint8_t> links_;  // mode, CID's size, CID; for kRange also from and to
  std::vector<Frame> frames_;
  CidSet covered_;  // dups=n: blocks that were visited with all blocks below them
  /// dups=n: the blocks of file nodes that came for a range, for a second visit of the same node.
  absl::flat_hash_map<CidKey, std::vector<uint8_t>> retained_;
  size_t retained_bytes_ = 0;
  std::vector<uint8_t> scratch_;
  uint64_t visits_ = 0;
  uint64_t identity_visits_ = 0;
  Error failure_;
  std::optional<Denial> denial_;
};

/// See Walk::Block above; lives for one on_block().
class Walk::Block {
 public:
  Block(std::span<const Slice> slices, std::vector<uint8_t>& scratch)
      : slices_(slices), scratch_(scratch) {}

  [[nodiscard]] bool is_plain_dag_pb_leaf() const { return daphnis::is_plain_dag_pb_leaf(slices_); }
  [[nodiscard]] Bytes bytes();

 private:
  std::span<const Slice> slices_;
  std::vector<uint8_t>& scratch_;
};

}  // namespace daphnis
