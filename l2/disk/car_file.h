#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/result.h"
#include "common/ipld/cid.h"
#include "l2/core/car_section.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// Lists the sections of a CAR file (version 1 or 2). Bodies larger than the window that is read
/// with their heads are not read. Bytes that are no usable block are passed over and reported as
/// flaws: zero bytes (padding; behind more than kCarPaddingLookedAtBytes of them the rest is not
/// read), sections whose CID cannot be read or whose block is too large, and bytes after the last
/// section.
class CarFile {
 public:
  struct Section {
    Cid cid;
    uint64_t offset;  ///< The section's offset from the file's start.
    uint32_t size;    ///< Bytes of length, CID and body.
  };
  struct Contents {
    std::vector<Cid> roots = {};  ///< The header's roots.
    CarFlaws flaws = {};
  };

  /// Calls `on_section` for each block; false from it stops early (an error of kInvalid). Errors:
  /// kTruncated (the file ends within its header: it may still be growing), kMalformed, kTooLarge,
  /// kUnsupported, kSystem. A file that ends within a section is no error: see flaws.cut_at.
  [[nodiscard]] static Result<Contents> scan(const File& file,
                                             const std::function<bool(const Section&)>& on_section);
};

/// Reads the section of `size` bytes at `offset` and returns its body, which is not yet proven. Its
/// CID must name the same block as `cid`. Errors: kUnexpected (another CID, or no section of that
/// size), kTruncated, kSystem.
[[nodiscard]] Result<Slice> read_section(const File& file, uint64_t offset, uint32_t size,
                                         const Cid& cid);

}  // namespace daphnis::l2
