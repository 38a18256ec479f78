#pragma once

#include <cstdint>
#include <span>

#include "common/base/slice.h"
#include "common/cachefile/piece_sums.h"

/// Reading files without waiting for a disk, and where that cannot be, waiting in the thread pool.
namespace daphnis::worker::uv {

/// How a read of a file came out.
struct FileRead {
  enum class Outcome : uint8_t {
    kDone,
    kCold,  ///< A disk would have to be waited for.
    kLost,  ///< The bytes are not there, or cannot be read.
  };
  Outcome outcome = Outcome::kDone;
  int error = 0;  ///< Of errno, for kLost; 0: the file is too short.
};

/// Reads all of `into` at `offset` from memory alone.
[[nodiscard]] FileRead read_cached(int fd, uint64_t offset, std::span<uint8_t> into);

/// Whether all of the range seems to be in memory: looks at one byte in every kFileProbeBytes, and
/// at the last. A look at what is missing makes the system begin to read it.
[[nodiscard]] FileRead probe(int fd, uint64_t offset, uint64_t size);

/// For the thread pool: reads all of `into`, waiting for the disk. Never kCold.
[[nodiscard]] FileRead read_waiting(int fd, uint64_t offset, std::span<uint8_t> into);

/// Either of the two above.
using Reader = FileRead (*)(int fd, uint64_t offset, std::span<uint8_t> into);

/// Reads pieces of a body, all of those that PieceSums::around() gave, and checks them. Where a sum
/// does not hold: kLost with EBADMSG.
[[nodiscard]] FileRead read_checked(int fd, const PieceSums& sums, uint64_t offset,
                                    std::span<uint8_t> into, Reader read);

/// For the thread pool: reads the range for the page cache's sake.
[[nodiscard]] FileRead warm_up(int fd, uint64_t offset, uint64_t size);

}  // namespace daphnis::worker::uv
