#include "l2/disk/unpacker.h"

#include "common/base/limits.h"

namespace daphnis::l2 {
namespace {

std::unexpected<Error> malformed(const Cid& cid, std::string_view what) {
  return fail(Errc::kMalformed, "block " + cid.text() + " " + std::string(what));
}

/// The UnixFS message of a dag-pb block, and how many links it has.
struct Node {
  UnixFs unixfs;
  size_t links;
};

Result<Node> read_node(const Cid& cid, Bytes block) {
  if (cid.codec() != codec::kDagPb) {
    return fail(Errc::kUnsupported,
                "block " + cid.text() + " is not part of a UnixFS file or folder");
  }
  const auto node = read_dag_pb(block);
  if (!node) return malformed(cid, "is no dag-pb node");
  const auto unixfs = node->data ? read_unixfs(*node->data) : std::nullopt;
  if (!unixfs) return malformed(cid, "holds no UnixFS message");
  return Node{*unixfs, node->links};
}

}  // namespace

Result<void> Unpacker::run(const Cid& root, std::string_view name,
                           const std::atomic<bool>* is_interrupted) {
  auto done = enter(root, name);
  while (done && !frames_.empty()) {
    if (is_interrupted && *is_interrupted) return fail(Errc::kInvalid, "interrupted");
    done = step();
  }
  return done;
}

Result<Unpacker::Found> Unpacker::find(const Cid& cid) {
  auto block = input_.get(cid);
  if (block) return *block;
  if (block.error().code == Errc::kNotFound && repeats_ == Repeats::kMayBeLeftOut) {
    const CidKey key(cid);
    if (const auto at = nodes_.find(key); at != nodes_.end()) return at->second;
    if (const auto at = leaves_.find(key); at != leaves_.end()) return at->second;
  }
  return std::unexpected(block.error());
}

Result<void> Unpacker::step() {
  Frame& top = frames_.back();
  Bytes link;
  std::string_view name;
  bool is_shard = false;
  if (auto* plain = std::get_if<DagPbReader>(&top.links)) {
    DagPbReader::Item item = plain->next();
    if (item == DagPbReader::Item::kData) item = plain->next();  // put_part() has read the data.
    if (item != DagPbReader::Item::kLink) return pop(), Result<void>{};
    link = plain->link().cid;
    name = plain->link().name;
  } else {
    auto& shard = std::get<HamtReader>(top.links);
    const HamtReader::Item item = shard.next();
    if (item == HamtReader::Item::kMalformed) {
      return fail(Errc::kMalformed, "a folder's shard has links that stand where they must not");
    }
    if (item == HamtReader::Item::kEnd) return pop(), Result<void>{};
    link = shard.cid();
    name = shard.name();
    is_shard = shard.is_shard();
  }
  const auto cid = Cid::from_bytes(link);
  if (!cid) return fail(Errc::kMalformed, "a link's CID cannot be read: " + cid.error().detail);
  if (top.kind == Kind::kFile) return enter_part(*cid);
  return is_shard ? enter_shard(*cid) : enter(*cid, name);
}

Result<void> Unpacker::enter(const Cid& cid, std::string_view name) {
  auto found = find(cid);
  if (!found) return std::unexpected(found.error());
  if (const auto* block = std::get_if<Slice>(&*found); block && cid.codec() != codec::kRaw) {
    return enter_node(cid, *block, name);
  }
  if (auto begun = output_.begin_file(name); !begun) return begun;
  const auto* region = std::get_if<OutputTree::Region>(&*found);
  auto put =
      region ? output_.append_again(*region) : put_leaf(cid, std::get<Slice>(*found).bytes());
  output_.end_file();
  return put;
}

Result<void> Unpacker::enter_node(const Cid& cid, const Slice& block, std::string_view name) {
  const auto node = read_node(cid, block.bytes());
  if (!node) return std::unexpected(node.error());
  switch (node->unixfs.type) {
    case UnixFs::Type::kRaw:
    case UnixFs::Type::kFile:
      if (auto begun = output_.begin_file(name); !begun) return begun;
      return put_part(cid, block, true);
    case UnixFs::Type::kDirectory:
      if (auto entered = output_.enter_folder(name); !entered) return entered;
      return push(cid, {Kind::kFolder, true, block, DagPbReader(block.bytes())});
    case UnixFs::Type::kHamtShard:
      if (auto entered = output_.enter_folder(name); !entered) return entered;
      return put_shard(cid, block, true);
    case UnixFs::Type::kSymlink:
      return output_.link(name, as_text(node->unixfs.data));
    case UnixFs::Type::kMetadata:
      break;
  }
  return fail(Errc::kUnsupported,
              "block " + cid.text() + " is a kind of UnixFS node not supported");
}

Result<void> Unpacker::enter_part(const Cid& cid) {
  auto found = find(cid);
  if (!found) return std::unexpected(found.error());
  if (const auto* region = std::get_if<OutputTree::Region>(&*found)) {
    return output_.append_again(*region);
  }
  const Slice& block = std::get<Slice>(*found);
  if (cid.codec() == codec::kRaw) return put_leaf(cid, block.bytes());
  return put_part(cid, block, false);
}

Result<void> Unpacker::enter_shard(const Cid& cid) {
  auto found = find(cid);
  if (!found) return std::unexpected(found.error());
  const auto* block = std::get_if<Slice>(&*found);
  if (!block) return malformed(cid, "is a file where a folder's shard must be");
  return put_shard(cid, *block, false);
}

Result<void> Unpacker::put_shard(const Cid& cid, const Slice& block, bool is_topmost) {
  const auto node = read_node(cid, block.bytes());
  if (!node) return std::unexpected(node.error());
  const bool is_shard = node->unixfs.type == UnixFs::Type::kHamtShard;
  const auto shard = is_shard ? read_hamt_shard(node->unixfs, node->links) : std::nullopt;
  if (!shard) return malformed(cid, "is no shard of a folder");
  return push(cid, {Kind::kShard, is_topmost, block, HamtReader(*shard, block.bytes())});
}

Result<void> Unpacker::put_part(const Cid& cid, const Slice& block, bool is_topmost) {
  const auto node = read_node(cid, block.bytes());
  if (!node) return std::unexpected(node.error());
  if (!node->unixfs.is_file()) return malformed(cid, "is not part of a file");
  if (node->links == 0) {
    auto put = put_leaf(cid, node->unixfs.data);
    if (is_topmost) output_.end_file();
    return put;
  }
  if (!node->unixfs.data.empty()) {
    if (auto put = output_.append(node->unixfs.data); !put) return std::unexpected(put.error());
  }
  return push(cid, {Kind::kFile, is_topmost, block, DagPbReader(block.bytes())});
}

Result<void> Unpacker::put_leaf(const Cid& cid, Bytes content) {
  const auto region = output_.append(content);
  if (!region) return std::unexpected(region.error());
  const bool keeps = repeats_ == Repeats::kMayBeLeftOut && !cid.is_identity();
  if (keeps && leaves_.size() < limits::kUnpackLeavesKept)
    leaves_.try_emplace(CidKey(cid), *region);
  return {};
}

Result<void> Unpacker::push(const Cid& cid, Frame frame) {
  const size_t size = frame.block.size;
  if (frames_.size() == limits::kWalkDepthMax ||
      frame_bytes_ + size > limits::kUnpackNodeBytesMax) {
    return fail(Errc::kTooLarge, "the DAG is too deep");
  }
  if (repeats_ == Repeats::kMayBeLeftOut && !cid.is_identity() &&
      node_bytes_ + size <= limits::kRepeatBytesMax) {
    if (nodes_.try_emplace(CidKey(cid), frame.block).second) node_bytes_ += size;
  }
  frame_bytes_ += size;
  frames_.push_back(std::move(frame));
  return {};
}

void Unpacker::pop() {
  const Frame& top = frames_.back();
  if (top.is_topmost && top.kind == Kind::kFile) output_.end_file();
  if (top.is_topmost && top.kind != Kind::kFile) output_.leave_folder();
  frame_bytes_ -= top.block.size;
  frames_.pop_back();
}

}  // namespace daphnis::l2
