#include <algorithm>

#include "common/base/check.h"
#include "common/ipld/dag_json.h"

using namespace daphnis;

// The input is a dag-json block; its first bytes also serve as a path to look up.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes block(data, size);
  DagJsonReader reader(block);
  DagJsonReader::Item item = reader.next();
  std::vector<std::vector<uint8_t>> links;
  for (; item == DagJsonReader::Item::kLink; item = reader.next()) {
    links.emplace_back(reader.cid().bytes().begin(), reader.cid().bytes().end());
  }
  check(reader.next() == item, "the end did not last");

  std::vector<std::string> path;
  for (size_t i = 0; i < std::min<size_t>(size, 8); ++i) {
    path.push_back(data[i] % 2 == 0 ? std::to_string(data[i] / 2 % 4)
                                    : std::string(1, static_cast<char>('a' + data[i] / 2 % 4)));
  }
  for (size_t from = 0; from + 2 <= path.size(); from += 2) {
    const auto part = std::span<const std::string>(path).subspan(from, 2);
    const NodeLookup found = dag_json_lookup(block, part);
    check(found.used <= part.size(), "more of the path was used than there is");
    check((found.kind == NodeLookup::Kind::kMalformed) == (item != DagJsonReader::Item::kEnd),
          "two readings differ");
    if (found.kind == NodeLookup::Kind::kLink) {
      check(std::ranges::find(links, found.cid) != links.end(), "a link from nowhere");
    }
  }
  return 0;
}
