#include <algorithm>
#include <string>

#include "common/base/check.h"
#include "common/peer/proxy_header.h"

/// Checks that a PROXY header says the same however it is cut, takes no byte behind it, and ends
/// within its bounds.
namespace {

using daphnis::Bytes;
using daphnis::peer::ProxyHeader;

/// The longest header: of version 2, with the addresses of two Unix sockets.
constexpr size_t kHeaderBytesMax = 16 + 216 + daphnis::peer::kProxyTlvBytesMax;

std::string read(Bytes all, size_t piece) {
  ProxyHeader header;
  size_t taken = 0;
  while (taken < all.size()) {
    const Bytes offered = all.subspan(taken, std::min(piece, all.size() - taken));
    const size_t part = header.feed(offered);
    daphnis::check(part <= offered.size(), "a header took more than it was offered");
    const bool is_open = header.state() == ProxyHeader::State::kNeedMore;
    daphnis::check(!is_open || part == offered.size(), "a header left bytes of its own");
    taken += part;
    if (!is_open) break;
  }
  daphnis::check(taken <= kHeaderBytesMax, "a header is longer than its bound");
  std::string seen = std::to_string(static_cast<int>(header.state())) + "/" + std::to_string(taken);
  if (header.source()) seen += "/" + header.source()->text();
  return seen.append(header.problem());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes all(data, size);
  const std::string whole = read(all, all.size() + 1);
  daphnis::check(read(all, 1) == whole, "single bytes change what a header says");
  daphnis::check(read(all, 1 + (size > 13 ? data[13] % 29 : 0)) == whole,
                 "a cut changes what a header says");
  return 0;
}
