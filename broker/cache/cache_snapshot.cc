#include "broker/cache/cache_snapshot.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "common/base/check.h"

namespace daphnis::broker {
namespace {

constexpr std::string_view kMagic = "DAPHIDX\n";
constexpr size_t kHeadBytes = 16;
constexpr size_t kDigestBytes = 32;
constexpr size_t kFrameHeadBytes = 8 + kDigestBytes;
constexpr size_t kKeyBytes = sizeof(RequestKey);
/// The bytes of a row without its root, by the version less one.
constexpr std::array<size_t, 3> kRowFixedBytesOf{
    kKeyBytes + 8 + 3 * 4 + 1, kKeyBytes + 8 + 3 * 4 + 2 + 1, kKeyBytes + 8 + 3 * 4 + 2 + 8 + 1};
constexpr size_t kRowFixedBytes = kRowFixedBytesOf[kSnapshotVersion - 1];
constexpr size_t kFrameBytesMax =
    limits::kSnapshotEntriesPerTurn * (kRowFixedBytes + limits::kCidBytesMax);

template <class Integer>
void put(std::vector<uint8_t>& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) {
    out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
  }
}

template <class Integer>
Integer get(const uint8_t* at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) value |= uint64_t{at[i]} << (8 * i);
  return static_cast<Integer>(value);
}

std::array<uint8_t, kDigestBytes> digest_of(const uint8_t* data, size_t size) {
  std::array<uint8_t, kDigestBytes> digest;
  SHA256(data, size, digest.data());
  return digest;
}

/// Writes the frame's head at `head`; its rows are in `out` from `head` + kFrameHeadBytes on.
void close_frame(std::vector<uint8_t>& out, size_t head, size_t rows) {
  const size_t from = head + kFrameHeadBytes;
  std::vector<uint8_t> frame;
  put(frame, static_cast<uint32_t>(out.size() - from));
  put(frame, static_cast<uint32_t>(rows));
  const auto digest = digest_of(out.data() + from, out.size() - from);
  frame.insert(frame.end(), digest.begin(), digest.end());
  std::ranges::copy(frame, out.begin() + static_cast<ptrdiff_t>(head));
}

}  // namespace

void put_snapshot_head(std::vector<uint8_t>& out) {
  const Bytes magic = as_bytes(kMagic);
  out.insert(out.end(), magic.begin(), magic.end());
  put(out, kSnapshotVersion);
  put(out, uint16_t{0});
  put(out, uint32_t{0});
}

void put_snapshot_frame(std::span<const CacheEntry> entries, std::vector<uint8_t>& out) {
  check(entries.size() <= limits::kSnapshotEntriesPerTurn, "too many rows for a frame");
  if (entries.empty()) return;
  const size_t head = out.size();
  out.resize(head + kFrameHeadBytes);
  for (const CacheEntry& entry : entries) {
    out.insert(out.end(), entry.key.begin(), entry.key.end());
    put(out, entry.size);
    put(out, entry.stored_s);
    put(out, entry.idle_s);
    put(out, entry.hits);
    put(out, entry.unproven_h);
    put(out, entry.judged_by);
    const Bytes root = entry.root.bytes();
    put(out, static_cast<uint8_t>(root.size()));
    out.insert(out.end(), root.begin(), root.end());
  }
  close_frame(out, head, entries.size());
}

void put_snapshot_end(std::vector<uint8_t>& out) {
  const size_t head = out.size();
  out.resize(head + kFrameHeadBytes);
  close_frame(out, head, 0);
}

CacheSnapshot::CacheSnapshot(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {
  if (bytes_.size() < kHeadBytes || bytes_.size() > limits::kSnapshotBytesMax ||
      as_text(Bytes(bytes_).first(kMagic.size())) != kMagic) {
    return;
  }
  version_ = get<uint16_t>(&bytes_[kMagic.size()]);
  if (version_ == 0 || version_ > kSnapshotVersion) return;
  row_fixed_bytes_ = kRowFixedBytesOf[version_ - 1];
  for (size_t at = kHeadBytes; bytes_.size() - at >= kFrameHeadBytes;) {
    const auto size = get<uint32_t>(&bytes_[at]);
    const auto rows = get<uint32_t>(&bytes_[at + 4]);
    const size_t from = at + kFrameHeadBytes;
    if (size > kFrameBytesMax || size > bytes_.size() - from) break;
    const auto digest = digest_of(bytes_.data() + from, size);
    if (!std::ranges::equal(digest, Bytes(bytes_).subspan(at + 8, kDigestBytes))) break;
    if (rows == 0) {
      is_whole_ = size == 0 && from == bytes_.size();
      break;
    }
    if (!take_rows(from, from + size, rows)) break;
    at = from + size;
  }
  std::ranges::sort(rows_, [this](uint32_t a, uint32_t b) {
    return std::memcmp(&bytes_[a], &bytes_[b], kKeyBytes) < 0;
  });
}

bool CacheSnapshot::take_rows(size_t from, size_t to, size_t rows) {
  const size_t before = rows_.size();
  while (to - from >= row_fixed_bytes_) {
    const size_t row_bytes = row_fixed_bytes_ + bytes_[from + row_fixed_bytes_ - 1];
    if (row_bytes > to - from) break;
    rows_.push_back(static_cast<uint32_t>(from));
    from += row_bytes;
  }
  if (from == to && rows_.size() - before == rows) return true;
  rows_.resize(before);
  return false;
}

std::optional<CacheEntry> CacheSnapshot::find(const RequestKey& key) const {
  const auto found = std::ranges::lower_bound(
      rows_, key, [](const RequestKey& a, const RequestKey& b) { return a < b; },
      [this](uint32_t row) {
        RequestKey named;
        std::memcpy(named.data(), &bytes_[row], kKeyBytes);
        return named;
      });
  if (found == rows_.end() || std::memcmp(&bytes_[*found], key.data(), kKeyBytes) != 0) return {};
  const uint8_t* at = &bytes_[*found] + kKeyBytes;
  CacheEntry entry{.key = key, .root = {}};
  entry.size = get<uint64_t>(at);
  entry.stored_s = get<uint32_t>(at + 8);
  entry.hits = get<uint32_t>(at + 16);
  if (version_ > 1) {
    entry.idle_s = get<uint32_t>(at + 12);
    entry.unproven_h = get<uint16_t>(at + 20);
  }
  if (version_ > 2) entry.judged_by = get<uint64_t>(at + 22);
  const uint8_t* root_at = &bytes_[*found] + row_fixed_bytes_;
  const auto root = Cid::from_bytes({root_at, root_at[-1]});
  if (!root) return {};
  entry.root = *root;
  return entry;
}

}  // namespace daphnis::broker
