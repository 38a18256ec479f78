#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "broker/base/cache_types.h"
#include "common/base/slice.h"

/// DIR/index: what the broker knew of the cached files when it last wrote it down. Only speeds the
/// start-up scan, which believes it where a file's size agrees; whatever is wrong with it merely
/// means more files to look into.
///
///   - head: "DAPHIDX\n", version (u16), zero (u16), zero (u32)
///   - frames: bytes of the rows (u32), rows (u32), SHA-256 of the rows, the rows
///   - row: key (32), size (u64), stored_s, idle_s, hits (u32 each), unproven_h (u16), size of the
///     root (u8), root
///
/// Integers are little endian. A frame without rows is the end. Version 1, which is still read, had
/// a date of the wall clock instead of idle_s, which is passed over, and no unproven_h.
namespace daphnis::broker {

inline constexpr uint16_t kSnapshotVersion = 2;

void put_snapshot_head(std::vector<uint8_t>& out);
/// At most kSnapshotEntriesPerTurn entries.
void put_snapshot_frame(std::span<const CacheEntry> entries, std::vector<uint8_t>& out);
void put_snapshot_end(std::vector<uint8_t>& out);

/// A snapshot that was read, to look keys up in. Owned by a scan.
class CacheSnapshot {
 public:
  CacheSnapshot() = default;
  /// Takes what holds: all frames up to the first that is damaged or cut.
  explicit CacheSnapshot(std::vector<uint8_t> bytes);

  [[nodiscard]] std::optional<CacheEntry> find(const RequestKey& key) const;
  [[nodiscard]] size_t entries() const { return rows_.size(); }
  /// It was read to its end.
  [[nodiscard]] bool is_whole() const { return is_whole_; }

 private:
  /// Files one frame's rows. False: they do not add up.
  [[nodiscard]] bool take_rows(size_t from, size_t to, size_t rows);

  std::vector<uint8_t> bytes_;
  uint16_t version_ = kSnapshotVersion;
  size_t row_fixed_bytes_ = 0;  ///< All of a row but the root.
  std::vector<uint32_t> rows_;  ///< Where they begin in bytes_; by key.
  bool is_whole_ = false;
};

}  // namespace daphnis::broker
