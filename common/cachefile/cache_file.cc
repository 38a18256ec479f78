#include "common/cachefile/cache_file.h"

#include <algorithm>
#include <cstring>

#include "common/hash/sha256.h"

namespace daphnis {
namespace {

constexpr std::string_view kMagic = "DAPHNIS\n";
constexpr size_t kDigestBytes = 32;
constexpr std::string_view kHex = "0123456789abcdef";

template <class Integer>
void put(std::vector<uint8_t>& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) {
    out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

/// Reads integers from bytes that are known to be long enough.
class Cursor {
 public:
  explicit Cursor(Bytes in) : in_(in) {}

  template <class Integer>
  Integer get() {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(Integer); ++i) value |= static_cast<uint64_t>(in_[i]) << (8 * i);
    in_ = in_.subspan(sizeof(Integer));
    return static_cast<Integer>(value);
  }
  Bytes take(size_t size) {
    const Bytes taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }
  [[nodiscard]] size_t left() const { return in_.size(); }

 private:
  Bytes in_;
};

}  // namespace

Result<CacheFooter> read_cache_footer(Bytes end, uint64_t file_bytes) {
  if (end.size() != kCacheFooterBytes || file_bytes < kCacheFooterBytes) {
    return fail(Errc::kMalformed, "shorter than a footer");
  }
  Cursor cursor(end);
  if (as_text(cursor.take(kMagic.size())) != kMagic) return fail(Errc::kMalformed, "no magic");
  CacheFooter footer;
  footer.version = cursor.get<uint16_t>();
  if (footer.version < 1 || footer.version > kCacheFileVersion) {
    return fail(Errc::kUnsupported, "cache file version " + std::to_string(footer.version));
  }
  cursor.take(2);
  footer.blocks = cursor.get<uint32_t>();
  footer.body_bytes = cursor.get<uint64_t>();
  footer.blocks_bytes = cursor.get<uint32_t>();
  footer.request_bytes = cursor.get<uint32_t>();
  const Bytes digest = cursor.take(kDigestBytes);
  std::ranges::copy(digest, footer.digest.begin());
  if (footer.blocks_bytes > limits::kCacheBlockListBytesMax ||
      footer.request_bytes > limits::kCacheRequestBytesMax || footer.body_bytes > file_bytes ||
      footer.sums_bytes() > limits::kCacheSumsBytesMax ||
      footer.trailer_bytes() != file_bytes - footer.body_bytes) {
    return fail(Errc::kMalformed, "the footer's sizes do not add up to the file's");
  }
  return footer;
}

Result<CacheTrailer> read_cache_trailer(Bytes trailer, const CacheFooter& footer) {
  if (trailer.size() != footer.trailer_bytes()) return fail(Errc::kMalformed, "trailer cut short");
  if (sha256(trailer.first(trailer.size() - kDigestBytes)) != footer.digest) {
    return fail(Errc::kHashMismatch, "the trailer's digest does not hold");
  }
  CacheTrailer out;
  Cursor cursor(trailer.first(footer.blocks_bytes));
  constexpr size_t kFixedBytes = sizeof(uint64_t) + sizeof(uint32_t);
  while (cursor.left() > 0) {
    const size_t cid_bytes = cursor.get<uint8_t>();
    if (cursor.left() < cid_bytes + kFixedBytes) return fail(Errc::kMalformed, "block cut short");
    const auto cid = Cid::from_bytes(cursor.take(cid_bytes));
    if (!cid) return std::unexpected(cid.error());
    CachedBlock block{.cid = *cid};
    block.offset = cursor.get<uint64_t>();
    block.size = cursor.get<uint32_t>();
    if (block.offset > footer.body_bytes || block.size > footer.body_bytes - block.offset) {
      return fail(Errc::kMalformed, "a block lies outside the body");
    }
    out.blocks.push_back(block);
  }
  if (out.blocks.size() != footer.blocks) return fail(Errc::kMalformed, "blocks are miscounted");
  const auto sums_bytes = static_cast<size_t>(footer.sums_bytes());
  if (sums_bytes > 0) {
    auto sums = PieceSums::read(trailer.subspan(footer.blocks_bytes, sums_bytes),
                                footer.body_bytes);
    if (!sums) return std::unexpected(sums.error());
    out.sums = std::move(*sums);
  }
  auto request = decode_car_request(
      trailer.subspan(footer.blocks_bytes + sums_bytes, footer.request_bytes));
  if (!request) return std::unexpected(request.error());
  out.request = std::move(*request);
  return out;
}

void CacheTrailerWriter::add_block(const Cid& cid, uint64_t offset, uint32_t size) {
  if (is_too_long_) return;
  list_.push_back(static_cast<uint8_t>(cid.bytes().size()));
  list_.insert(list_.end(), cid.bytes().begin(), cid.bytes().end());
  put(list_, offset);
  put(list_, size);
  ++blocks_;
  if (list_.size() > limits::kCacheBlockListBytesMax) {
    is_too_long_ = true;
    blocks_ = 0;
    decltype(list_)().swap(list_);  // Assigning {} would keep its memory.
  }
}

std::vector<uint8_t> CacheTrailerWriter::finish(const CarRequest& request) && {
  const std::vector<uint8_t> request_bytes = encode(request);
  const uint64_t body_bytes = summer_.bytes();
  const bool has_sums = piece_sums_bytes(body_bytes) <= limits::kCacheSumsBytesMax;
  const auto blocks_bytes = static_cast<uint32_t>(list_.size());
  std::vector<uint8_t> out = std::move(list_);
  if (has_sums) {
    const std::vector<uint8_t> sums = std::move(summer_).finish();
    out.insert(out.end(), sums.begin(), sums.end());
  }
  out.insert(out.end(), request_bytes.begin(), request_bytes.end());
  const Bytes magic = as_bytes(kMagic);
  out.insert(out.end(), magic.begin(), magic.end());
  put(out, has_sums ? kCacheFileVersion : uint16_t{1});
  put(out, uint16_t{0});
  put(out, blocks_);
  put(out, body_bytes);
  put(out, blocks_bytes);
  put(out, static_cast<uint32_t>(request_bytes.size()));
  const auto digest = sha256(out);
  out.insert(out.end(), digest.begin(), digest.end());
  return out;
}

std::string cache_file_name(const RequestKey& key) {
  std::string hex;
  for (const uint8_t byte : key) hex.append({kHex[byte >> 4], kHex[byte & 15]});
  return hex.substr(0, 2) + "/" + hex;
}

bool parse_cache_file_name(std::string_view name, RequestKey& key) {
  if (name.size() != 2 * key.size()) return false;
  for (size_t i = 0; i < key.size(); ++i) {
    const size_t high = kHex.find(name[2 * i]);
    const size_t low = kHex.find(name[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    key[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

}  // namespace daphnis
