#include <openssl/sha.h>

#include <vector>

#include "common/base/check.h"
#include "common/cachefile/cache_file.h"
#include "worker/cache/block_index.h"

using namespace daphnis;

/// Reads files of the cache that a disk has damaged. The digest and the sum over the sums are
/// corrected first, since the reader would stop there.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kCacheFooterBytes) return 0;
  std::vector<uint8_t> file(data, data + size);
  auto footer = read_cache_footer(Bytes(file).last(kCacheFooterBytes), size);
  if (!footer) return 0;
  check(footer->body_bytes + footer->trailer_bytes() == size, "a file's sizes add up");
  const auto trailer = std::span(file).subspan(static_cast<size_t>(footer->body_bytes));
  if (footer->sums_bytes() > 0) {
    const auto sums = std::span(file).subspan(static_cast<size_t>(footer->sums_offset()),
                                              static_cast<size_t>(footer->sums_bytes()));
    const uint32_t sum = crc32c(sums.first(sums.size() - 4));
    for (size_t i = 0; i < 4; ++i) {
      sums[sums.size() - 4 + i] = static_cast<uint8_t>(sum >> (8 * i));
    }
  }
  const size_t digest_bytes = footer->digest.size();
  SHA256(trailer.data(), trailer.size() - digest_bytes, footer->digest.data());
  std::ranges::copy(footer->digest, trailer.last(digest_bytes).begin());

  const auto read = read_cache_trailer(trailer, *footer);
  const auto index = worker::BlockIndex::from_trailer(trailer, *footer);
  if (!read) {
    check(!index, "there are no places without a trailer");
    return 0;
  }
  check(read->sums.has_value() == (footer->version > 1), "all but version 1 has sums");
  if (read->sums && footer->body_bytes > 0) {
    const auto all = read->sums->around(0, footer->body_bytes);
    check(all.size == footer->body_bytes, "a body's pieces are all of it");
    (void)read->sums->hold(0, Bytes(file).first(all.size));
  }
  for (const CachedBlock& block : read->blocks) {
    check(block.offset <= footer->body_bytes && block.size <= footer->body_bytes - block.offset,
          "a block lies in its body");
    check(index && index->find(block.cid), "a block that is listed is found");
  }
  return 0;
}
