#include "common/ipld/hamt.h"

#include <bit>
#include <cstring>

namespace daphnis {
namespace {

constexpr uint64_t kMurmur3X64_64 = 0x22;
constexpr uint64_t kFanoutMin = 8;

uint64_t load_le64(const uint8_t* at) {
  uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}
static_assert(std::endian::native == std::endian::little);

/// Up to 8 bytes as a number, the first byte the least significant.
uint64_t load_tail(const uint8_t* at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= uint64_t{at[i]} << (8 * i);
  return value;
}

constexpr uint64_t kC1 = 0x87c37b91114253d5;
constexpr uint64_t kC2 = 0x4cf5ad432745937f;

uint64_t mix_k1(uint64_t k) {
  return std::rotl(k * kC1, 31) * kC2;
}
uint64_t mix_k2(uint64_t k) {
  return std::rotl(k * kC2, 33) * kC1;
}

uint64_t finish(uint64_t k) {
  k = (k ^ (k >> 33)) * 0xff51afd7ed558ccd;
  k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53;
  return k ^ (k >> 33);
}

}  // namespace

uint64_t murmur3_x64_64(Bytes bytes) {
  uint64_t h1 = 0;
  uint64_t h2 = 0;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 16; left -= 16, at += 16) {
    h1 = (std::rotl(h1 ^ mix_k1(load_le64(at)), 27) + h2) * 5 + 0x52dce729;
    h2 = (std::rotl(h2 ^ mix_k2(load_le64(at + 8)), 31) + h1) * 5 + 0x38495ab5;
  }
  if (left > 8) h2 ^= mix_k2(load_tail(at + 8, left - 8));
  if (left > 0) h1 ^= mix_k1(load_tail(at, left < 8 ? left : 8));
  h1 ^= bytes.size();
  h2 ^= bytes.size();
  h1 += h2;
  h2 += h1;
  return finish(h1) + finish(h2);
}

std::optional<uint64_t> hamt_index(std::string_view name, unsigned bits_used, unsigned bits) {
  if (bits_used + bits > 64) return std::nullopt;
  return murmur3_x64_64(as_bytes(name)) << bits_used >> (64 - bits);
}

std::optional<HamtShard> read_hamt_shard(const UnixFs& unixfs, size_t links) {
  if (unixfs.type != UnixFs::Type::kHamtShard) return std::nullopt;
  if (!unixfs.hash_type || *unixfs.hash_type != kMurmur3X64_64 || !unixfs.fanout) {
    return std::nullopt;
  }
  const uint64_t fanout = *unixfs.fanout;
  if (fanout < kFanoutMin || fanout > limits::kHamtFanoutMax || !std::has_single_bit(fanout)) {
    return std::nullopt;
  }
  if (unixfs.data.size() > fanout / 8) return std::nullopt;
  size_t children = 0;
  for (const uint8_t byte : unixfs.data) children += static_cast<size_t>(std::popcount(byte));
  if (children != links) return std::nullopt;
  HamtShard shard;
  shard.bits = static_cast<unsigned>(std::countr_zero(fanout));
  shard.prefix_size = (shard.bits + 3) / 4;  // Hex digits of fanout - 1.
  shard.bitmap = unixfs.data;
  return shard;
}

bool HamtReader::seek_bit() {
  for (; at_ < shard_.bitmap.size() * 8; ++at_) {
    const uint8_t byte = shard_.bitmap[shard_.bitmap.size() - 1 - at_ / 8];
    if (byte >> (at_ % 8) & 1) return true;
  }
  return false;
}

HamtReader::Item HamtReader::next() {
  while (true) {
    switch (node_.next()) {
      case DagPbReader::Item::kData:
        continue;
      case DagPbReader::Item::kEnd:
        return Item::kEnd;
      case DagPbReader::Item::kMalformed:
        return Item::kMalformed;
      case DagPbReader::Item::kLink:
        break;
    }
    break;
  }
  if (!seek_bit()) return Item::kMalformed;
  index_ = at_++;
  const std::string_view label = node_.link().name;
  if (label.size() < shard_.prefix_size) return Item::kMalformed;
  for (size_t i = 0; i < shard_.prefix_size; ++i) {
    const uint64_t digit = index_ >> (4 * (shard_.prefix_size - 1 - i)) & 0xf;
    if (label[i] != "0123456789ABCDEF"[digit]) return Item::kMalformed;
  }
  name_ = label.substr(shard_.prefix_size);
  return Item::kChild;
}

}  // namespace daphnis
