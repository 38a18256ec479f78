#include <array>

#include "common/base/check.h"
#include "common/ipld/hashes.h"

// Input: two bytes, the hash code (big-endian); one byte, where the block is cut; then the block.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace daphnis;
  if (size < 3) return 0;
  const uint64_t code = uint64_t{data[0]} << 8 | data[1];
  const Bytes block(data + 3, size - 3);
  if (!Hasher::supports(code)) return 0;
  static Hasher hasher;
  const auto cid = hasher.cid_of(codec::kRaw, code, block);
  if (!cid) {
    check(code == hash::kIdentity && block.size() > limits::kDigestBytesMax, "no CID for a block");
    return 0;
  }
  check(Hasher::can_verify(*cid) && hasher.matches(*cid, block), "a block without its own digest");

  hasher.reset(code);
  const size_t cut = block.size() * data[2] / 255;
  hasher.update(block.first(cut));
  hasher.update(block.subspan(cut));
  check(hasher.finish_matches(cid->digest()), "a digest that depends on the cut");

  const uint8_t more = 0;
  hasher.reset(code);
  hasher.update(block);
  hasher.update({&more, 1});
  check(!hasher.finish_matches(cid->digest()), "two blocks of one digest");
  return 0;
}
