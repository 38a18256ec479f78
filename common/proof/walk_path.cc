#include "common/base/check.h"
#include "common/ipld/dag_cbor.h"
#include "common/ipld/dag_json.h"
#include "common/ipld/hamt.h"
#include "common/proof/walk.h"

namespace daphnis {

void Walk::expand_path(Block& block) {
  check(path_at_ < path_.size(), "the path is at its end already");
  switch (visit_.cid.codec()) {
    case codec::kDagPb:
      if (hamt_bits_ == 0 && block.is_plain_dag_pb_leaf()) return end_at(Outcome::kMissing);
      return step_through_dag_pb(block.bytes());
    case codec::kDagCbor:
    case codec::kDagJson:
      return step_through_node(block.bytes());
    default:
      if (hamt_bits_ > 0) return fail_malformed("is not a HAMT shard");
      return end_at(Outcome::kMissing);
  }
}

void Walk::step_through_dag_pb(Bytes block) {
  const std::optional<DagPbNode> node = read_dag_pb(block);
  if (!node) return fail_malformed("does not decode as dag-pb");
  const std::optional<UnixFs> unixfs = node->data ? read_unixfs(*node->data) : std::nullopt;
  if (unixfs && unixfs->type == UnixFs::Type::kHamtShard) {
    return step_through_shard(*unixfs, node->links, block);
  }
  if (hamt_bits_ > 0) return fail_malformed("is not a HAMT shard");
  if (unixfs && unixfs->type != UnixFs::Type::kDirectory) return end_at(Outcome::kMissing);
  step_by_name(block);
}

void Walk::step_through_shard(const UnixFs& unixfs, size_t links, Bytes block) {
  const std::optional<HamtShard> shard = read_hamt_shard(unixfs, links);
  if (!shard) return fail_malformed("is not a HAMT shard");
  const std::string& segment = path_[path_at_];
  const std::optional<uint64_t> index = hamt_index(segment, hamt_bits_, shard->bits);
  if (!index) return fail_malformed("is a HAMT shard deeper than its hash reaches");

  Bytes cid;
  bool is_shard = false;
  HamtReader reader(*shard, block);
  HamtReader::Item item = reader.next();
  for (; item == HamtReader::Item::kChild; item = reader.next()) {
    if (reader.index() != *index) continue;
    is_shard = reader.is_shard();
    if (is_shard || reader.name() == segment) cid = reader.cid();
  }
  if (item != HamtReader::Item::kEnd) return fail_malformed("has links that its bitmap denies");
  if (cid.empty()) return end_at(Outcome::kMissing);
  if (is_shard) hamt_bits_ += shard->bits;
  follow(cid, is_shard ? 0 : 1);
}

void Walk::step_by_name(Bytes block) {
  DagPbReader reader(block);
  while (true) {
    const DagPbReader::Item item = reader.next();
    if (item == DagPbReader::Item::kEnd) return end_at(Outcome::kMissing);
    if (item == DagPbReader::Item::kLink && reader.link().name == path_[path_at_]) {
      return follow(reader.link().cid, 1);
    }
  }
}

void Walk::step_through_node(Bytes block) {
  if (hamt_bits_ > 0) return fail_malformed("is not a HAMT shard");
  const auto path = std::span<const std::string>(path_).subspan(path_at_);
  const bool is_cbor = visit_.cid.codec() == codec::kDagCbor;
  const NodeLookup found = is_cbor ? dag_cbor_lookup(block, path) : dag_json_lookup(block, path);
  switch (found.kind) {
    case NodeLookup::Kind::kLink:
      return follow(found.cid, found.used);
    case NodeLookup::Kind::kValue:
      return end_at(Outcome::kNotALink);
    case NodeLookup::Kind::kMissing:
      return end_at(Outcome::kMissing);
    case NodeLookup::Kind::kMalformed:
      return fail_malformed(is_cbor ? "does not decode as dag-cbor"
                                    : "does not decode as dag-json");
  }
}

void Walk::follow(Bytes bytes, size_t segments_used) {
  const Result<Cid> cid = Cid::from_bytes(bytes);
  if (!cid) return fail_malformed("has a link that is not a CID");
  if (segments_used > 0) hamt_bits_ = 0;
  path_at_ += segments_used;
  const Mode mode = path_at_ == path_.size() ? Mode::kTerminal : Mode::kPath;
  if (!admit(*cid, mode)) return;
  single_ = Visit{*cid, mode, visit_.depth + 1};
}

void Walk::end_at(Outcome outcome) {
  outcome_ = outcome;
  state_ = State::kDone;
}

}  // namespace daphnis
