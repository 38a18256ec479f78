#include <algorithm>

#include "common/base/check.h"
#include "common/ipld/dag_cbor.h"

using namespace daphnis;

// The input is a dag-cbor block; its first bytes also serve as a path to look up.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes block(data, size);
  DagCborReader reader(block);
  DagCborReader::Item item = reader.next();
  size_t links = 0;
  for (; item == DagCborReader::Item::kLink; item = reader.next()) {
    ++links;
    check(!reader.cid().empty(), "a link without a CID");
    check(reader.cid().data() > data && reader.cid().data() + reader.cid().size() <= data + size,
          "a CID outside the block");
  }
  check(reader.next() == item, "the end did not last");

  std::vector<std::string> path;
  for (size_t i = 0; i < std::min<size_t>(size, 3); ++i) {
    path.push_back(data[i] % 2 == 0 ? std::to_string(data[i] / 2 % 4)
                                    : std::string(1, static_cast<char>('a' + data[i] / 2 % 4)));
  }
  for (size_t length = 0; length <= path.size(); ++length) {
    const auto part = std::span<const std::string>(path).first(length);
    const NodeLookup found = dag_cbor_lookup(block, part);
    check(found.used <= length, "more of the path was used than there is");
    check((found.kind == NodeLookup::Kind::kMalformed) == (item != DagCborReader::Item::kEnd),
          "two readings differ");
    if (found.kind == NodeLookup::Kind::kLink) {
      check(links > 0, "a link from nowhere");
      check(!std::ranges::search(block, found.cid).empty(), "a CID that is not in the block");
    }
    if (found.kind == NodeLookup::Kind::kValue) check(found.used == length, "stopped early");
  }
  return 0;
}
