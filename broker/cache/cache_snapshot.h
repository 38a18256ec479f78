#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "broker/base/cache_types.h"
#include "common/base/slice.h"

/// DIR/index, the snapshot: the index's entries when it was last written. It only speeds up the
/// scan at the start, which believes a row where the file's size agrees; the scan opens all other
/// files, so a damaged snapshot costs time alone.
///
///   - head: "DAPHIDX\n", version (u16), zero (u16), zero (u32)
///   - frames: bytes of the rows (u32), rows (u32), SHA-256 of the rows, the rows
///   - row: key (32), size (u64), stored_s, idle_s, hits (u32 each), unproven_h (u16), judged_by
///     (u64), size of the root (u8), root
///
/// Integers are little endian. A frame without rows is the end mark. Version 2, which is still
/// read, had no judged_by, and version 1 no unproven_h either, and a date of the wall clock in the
/// place of idle_s, which is ignored.
namespace daphnis::broker {

inline constexpr uint16_t kSnapshotVersion = 3;

void put_snapshot_head(std::vector<uint8_t>& out);
/// Appends a frame of at most kSnapshotEntriesPerTurn entries.
void put_snapshot_frame(std::span<const CacheEntry> entries, std::vector<uint8_t>& out);
void put_snapshot_end(std::vector<uint8_t>& out);

/// A snapshot that was read, for looking up keys. Owned by a scan.
class CacheSnapshot {
 public:
  CacheSnapshot() = default;
  /// Reads all frames up to the first that is damaged or cut.
  explicit CacheSnapshot(std::vector<uint8_t> bytes);

  [[nodiscard]] std::optional<CacheEntry> find(const RequestKey& key) const;
  [[nodiscard]] size_t entries() const { return rows_.size(); }
  /// True where the snapshot was read to its end mark.
  [[nodiscard]] bool is_whole() const { return is_whole_; }

 private:
  /// Takes the rows of one frame, [from, to) of bytes_. False: there are not exactly `rows` of
  /// them.
  [[nodiscard]] bool take_rows(size_t from, size_t to, size_t rows);

  std::vector<uint8_t> bytes_;
  uint16_t version_ = kSnapshotVersion;
  size_t row_fixed_bytes_ = 0;  ///< The bytes of a row without its root.
  std::vector<uint32_t> rows_;  ///< Offsets of the rows in bytes_, sorted by key.
  bool is_whole_ = false;
};

}  // namespace daphnis::broker
