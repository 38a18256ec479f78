#include "common/proof/block_links.h"

#include <utility>

#include "common/ipld/cid.h"
#include "common/ipld/dag_cbor.h"
#include "common/ipld/dag_json.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/multihash_key.h"

namespace daphnis {
namespace {

/// Collects the keys of links.
class LinkKeys {
 public:
  [[nodiscard]] bool is_full() const { return keys_.size() == kBlockLinksMax; }
  void add(const Cid& cid) {
    if (!cid.is_identity()) keys_.push_back(key_of_multihash(cid));
  }
  void add(Bytes bytes) {
    const auto link = Cid::from_bytes(bytes);
    if (link) add(*link);
  }
  [[nodiscard]] std::vector<uint64_t> take() { return std::move(keys_); }

 private:
  std::vector<uint64_t> keys_;
};

std::vector<uint64_t> of_dag_pb(Bytes block) {
  LinkKeys keys;
  DagPbReader reader(block);
  DagPbReader::Item item = reader.next();
  while ((item == DagPbReader::Item::kLink || item == DagPbReader::Item::kData) &&
         !keys.is_full()) {
    if (item == DagPbReader::Item::kLink) keys.add(reader.link().cid);
    item = reader.next();
  }
  if (item == DagPbReader::Item::kMalformed) return {};
  return keys.take();
}

/// Of a codec whose reader has nothing but links.
template <class Reader>
std::vector<uint64_t> of_links(Bytes block) {
  LinkKeys keys;
  Reader reader(block);
  auto item = reader.next();
  while (item == Reader::Item::kLink && !keys.is_full()) {
    keys.add(reader.cid());
    item = reader.next();
  }
  if (item != Reader::Item::kLink && item != Reader::Item::kEnd) return {};
  return keys.take();
}

}  // namespace

std::vector<uint64_t> keys_of_links(uint64_t codec, std::span<const Slice> block) {
  const bool may_have_links =
      codec == codec::kDagPb || codec == codec::kDagCbor || codec == codec::kDagJson;
  if (!may_have_links || block.empty()) return {};
  if (codec == codec::kDagPb && is_plain_dag_pb_leaf(block)) return {};
  const std::vector<uint8_t> whole = block.size() > 1 ? joined(block) : std::vector<uint8_t>();
  const Bytes bytes = block.size() == 1 ? block[0].bytes() : Bytes(whole);
  if (codec == codec::kDagPb) return of_dag_pb(bytes);
  if (codec == codec::kDagCbor) return of_links<DagCborReader>(bytes);
  return of_links<DagJsonReader>(bytes);
}

}  // namespace daphnis
