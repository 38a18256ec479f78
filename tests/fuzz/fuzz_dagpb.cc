#include <vector>

#include "common/base/check.h"
#include "common/ipld/dag_pb.h"

using namespace daphnis;

namespace {

bool lies_in(Bytes part, Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes block(data, size);
  const std::optional<DagPbNode> node = read_dag_pb(block);
  DagPbReader reader(block);
  size_t links = 0;
  DagPbReader::Item item = reader.next();
  for (; item == DagPbReader::Item::kLink || item == DagPbReader::Item::kData;
       item = reader.next()) {
    if (item == DagPbReader::Item::kData) {
      check(lies_in(reader.data(), block), "data outside the block");
      continue;
    }
    ++links;
    check(!reader.link().cid.empty(), "a link without a CID");
    check(lies_in(reader.link().cid, block), "a CID outside the block");
    check(lies_in(as_bytes(reader.link().name), block), "a name outside the block");
  }
  check(reader.next() == item, "the end did not last");
  check(node.has_value() == (item == DagPbReader::Item::kEnd), "two readings differ");
  if (node) check(node->links == links && node->data.has_value() == reader.has_data(), "counts");

  const size_t cut = size > 0 ? data[0] % (size + 1) : 0;
  const Slices slices{Slice::copy_of(block.first(cut)), Slice::copy_of(block.subspan(cut))};
  if (is_plain_dag_pb_leaf(slices)) check(node && node->links == 0 && node->data, "not a leaf");
  return 0;
}
