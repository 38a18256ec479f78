#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/base/slice.h"
#include "common/cachefile/piece_sums.h"
#include "common/request/car_request.h"

/// The files of the cache (DESIGN 7). A file is the whole, proven output of one fetch, and a
/// trailer that describes it:
///
///   - body: the output's bytes, exactly as a client gets them
///   - blocks: for each block, the size of its CID (u8), the CID, the offset of the block's data in
///     the body (u64) and the data's size (u32)
///   - sums: checksums of the body's pieces (piece_sums.h); version 1 has none
///   - request: the canonical request (car_request.h)
///   - footer: 64 bytes, see CacheFooter
///
/// Integers are little endian. A file is written under a temporary name and renamed when whole, so
/// its existence under its own name is the hit test. Version 1 is still read, and written where the
/// sums would take more than kCacheSumsBytesMax.
namespace daphnis {

inline constexpr uint16_t kCacheFileVersion = 2;
inline constexpr size_t kCacheFooterBytes = 64;

/// The fixed end of a file: "DAPHNIS\n", version (u16), zero (u16), blocks (u32), bytes of the body
/// (u64), of the blocks (u32) and of the request (u32), then SHA-256 over all between body and
/// digest.
struct CacheFooter {
  uint16_t version = kCacheFileVersion;
  uint64_t body_bytes = 0;
  uint32_t blocks = 0;  ///< In the list; 0 also where the list would have been too long.
  uint32_t blocks_bytes = 0;
  uint32_t request_bytes = 0;
  std::array<uint8_t, 32> digest{};

  /// 0: the file keeps no sums.
  [[nodiscard]] uint64_t sums_bytes() const {
    return version == 1 ? 0 : piece_sums_bytes(body_bytes);
  }
  [[nodiscard]] uint64_t sums_offset() const { return body_bytes + blocks_bytes; }
  /// Bytes between the body and the file's end.
  [[nodiscard]] uint64_t trailer_bytes() const {
    return blocks_bytes + sums_bytes() + request_bytes + kCacheFooterBytes;
  }
};

/// Where a block's data lies in the body.
struct CachedBlock {
  Cid cid;
  uint64_t offset = 0;
  uint32_t size = 0;
};

/// The footer of a file of `file_bytes`, read from its last kCacheFooterBytes. Errors: kMalformed
/// (not a file of this cache, or sizes that do not add up), kUnsupported (another version).
[[nodiscard]] Result<CacheFooter> read_cache_footer(Bytes end, uint64_t file_bytes);

struct CacheTrailer {
  CarRequest request;
  std::vector<CachedBlock> blocks;
  std::optional<PieceSums> sums;  ///< Empty in version 1.
};

/// Reads the whole trailer, footer included, and checks its digest. Errors: kMalformed,
/// kHashMismatch.
[[nodiscard]] Result<CacheTrailer> read_cache_trailer(Bytes trailer, const CacheFooter& footer);

/// Gathers the trailer while the body is written. Holds at most kCacheBlockListBytesMax and a
/// 65536th of the body; a body with more blocks gets no list, so that its file can only be served
/// whole. Owned by a spool.
class CacheTrailerWriter {
 public:
  /// The next bytes of the body.
  void add_body(Bytes bytes) { summer_.add(bytes); }
  void add_block(const Cid& cid, uint64_t offset, uint32_t size);
  /// The trailer of the body that was added: the bytes that follow it in the file.
  [[nodiscard]] std::vector<uint8_t> finish(const CarRequest& request) &&;

 private:
  PieceSummer summer_;
  std::vector<uint8_t> list_;
  uint32_t blocks_ = 0;
  bool is_too_long_ = false;
};

/// "ab/abcdef…": the key's first two hex digits are the folder, all 64 of them the file's name.
[[nodiscard]] std::string cache_file_name(const RequestKey& key);
/// Reads the key from a file's name without its folder. False: `name` is no such name.
[[nodiscard]] bool parse_cache_file_name(std::string_view name, RequestKey& key);

}  // namespace daphnis
