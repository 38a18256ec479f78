#include "common/base/check.h"
#include "common/ipld/cid.h"

namespace {

using namespace daphnis;

void check_sound(const Cid& cid) {
  const auto again = Cid::from_bytes(cid.bytes());
  check(again && *again == cid, "its bytes are another CID");
  const auto from_text = Cid::from_text(cid.text());
  check(from_text && *from_text == cid, "its text is another CID");
  check(cid.names_same_block(*again), "it does not name its own block");
  if (cid.version() == 1) {
    const auto parts = Cid::v1(cid.codec(), cid.hash_code(), cid.digest());
    check(parts && *parts == cid, "its parts are another CID");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  const auto prefix = Cid::prefix_of(bytes);
  if (prefix) {
    check(prefix->size <= size && prefix->size == prefix->cid.bytes().size(), "a wrong size");
    check_sound(prefix->cid);
    for (size_t cut = 0; cut < prefix->size; ++cut) {
      const auto part = Cid::prefix_of(bytes.first(cut));
      check(!part && part.error() == Errc::kTruncated, "decided too early");
    }
  } else if (prefix.error() == Errc::kTruncated) {
    check(size < limits::kCidBytesMax, "undecided for too long");
  }
  const auto from_text = Cid::from_text(as_text(bytes));
  if (from_text) check_sound(*from_text);
  return 0;
}
