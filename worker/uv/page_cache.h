#pragma once

#include <cstdint>
#include <span>

#include "common/base/slice.h"
#include "common/cachefile/piece_sums.h"

/// Functions that read files without waiting for a disk or, in the thread pool, with waiting.
namespace daphnis::worker::uv {

/// The result of a read.
struct FileRead {
  enum class Outcome : uint8_t {
    kDone,
    kCold,  ///< The bytes are not in memory: a disk would have to be waited for.
    kLost,  ///< The bytes are missing or cannot be read.
  };
  Outcome outcome = Outcome::kDone;
  int error = 0;  ///< An errno, for kLost; 0 where the file is too short.
};

/// Reads all of `into` at `offset`, from memory only.
[[nodiscard]] FileRead read_cached(int fd, uint64_t offset, std::span<uint8_t> into);

/// Tells whether all of a range seems to be in memory: reads one byte in every kFileProbeBytes, and
/// the last one. Reading a missing byte makes the system begin to load it.
[[nodiscard]] FileRead probe(int fd, uint64_t offset, uint64_t size);

/// Reads all of `into` and waits for the disk; for the thread pool. Never kCold.
[[nodiscard]] FileRead read_waiting(int fd, uint64_t offset, std::span<uint8_t> into);

/// A function that reads: read_cached or read_waiting.
using Reader = FileRead (*)(int fd, uint64_t offset, std::span<uint8_t> into);

/// Reads whole pieces of a body, as PieceSums::around() gave them, and checks them. kLost with
/// EBADMSG where a checksum does not hold.
[[nodiscard]] FileRead read_checked(int fd, const PieceSums& sums, uint64_t offset,
                                    std::span<uint8_t> into, Reader read);

/// Reads a range so that it is in the page cache; for the thread pool.
[[nodiscard]] FileRead warm_up(int fd, uint64_t offset, uint64_t size);

}  // namespace daphnis::worker::uv
