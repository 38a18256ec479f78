#include "common/base/check.h"
#include "common/ipld/dag_pb.h"
#include "common/ipld/hamt.h"
#include "common/ipld/unixfs.h"

using namespace daphnis;

namespace {

void judge(const UnixFs& unixfs) {
  BlocksizeReader sizes(unixfs.message);
  uint64_t count = 0;
  uint64_t total = 0;
  bool overflows = false;
  while (const std::optional<uint64_t> next = sizes.next()) {
    ++count;
    overflows = __builtin_add_overflow(total, *next, &total) || overflows;
  }
  check(count == unixfs.blocksizes, "blocksizes were counted in two ways");
  check(overflows != unixfs.blocksizes_total.has_value(), "an overflow went unseen");
  if (!overflows) check(total == *unixfs.blocksizes_total, "sums differ");
}

}  // namespace

// The input is a dag-pb block, or else a bare UnixFS message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes block(data, size);
  if (const std::optional<UnixFs> bare = read_unixfs(block)) judge(*bare);
  const std::optional<DagPbNode> node = read_dag_pb(block);
  if (!node || !node->data) return 0;
  const std::optional<UnixFs> unixfs = read_unixfs(*node->data);
  if (!unixfs) return 0;
  judge(*unixfs);
  const std::optional<HamtShard> shard = read_hamt_shard(*unixfs, node->links);
  if (!shard) return 0;
  HamtReader reader(*shard, block);
  size_t children = 0;
  uint64_t last = 0;
  HamtReader::Item item = reader.next();
  for (; item == HamtReader::Item::kChild; item = reader.next()) {
    check(reader.index() < *unixfs->fanout, "a child beyond the fanout");
    check(children == 0 || reader.index() > last, "children out of order");
    check(reader.is_shard() == reader.name().empty(), "a shard with a name");
    last = reader.index();
    ++children;
  }
  if (item == HamtReader::Item::kEnd) check(children == node->links, "children went missing");
  return 0;
}
