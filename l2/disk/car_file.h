#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/base/result.h"
#include "common/ipld/cid.h"
#include "l2/core/car_section.h"
#include "l2/disk/file.h"

namespace daphnis::l2 {

/// Passes over the sections of a CAR file (version 1 or 2) without reading bodies that are larger
/// than what comes along with their heads. What is no block of ours is passed over and told: zero
/// bytes (padding; beyond kCarPaddingLookedAtBytes nothing is looked for behind them), sections
/// whose CID cannot be read or whose block is too large, and whatever follows the last section.
class CarFile {
 public:
  struct Section {
    Cid cid;
    uint64_t offset;  ///< Of its length, from the file's start.
    uint32_t size;    ///< Length, CID and body.
  };
  struct Contents {
    std::vector<Cid> roots = {};  ///< The header's.
    CarFlaws flaws = {};
  };

  /// Calls `on_section` for each block; false from it stops early (an error of kInvalid). Errors:
  /// kTruncated (the file ends within its header: it may still be growing), kMalformed, kTooLarge,
  /// kUnsupported, kSystem. A file that ends within a section is no error: see flaws.cut_at.
  [[nodiscard]] static Result<Contents> scan(const File& file,
                                             const std::function<bool(const Section&)>& on_section);
};

/// Reads the section at `offset` of `size` bytes into a slice of its body, where its CID names the
/// same block as `cid`. The body is not yet proven. Errors: kUnexpected (another CID, or no section
/// of that size), kTruncated, kSystem.
[[nodiscard]] Result<Slice> read_section(const File& file, uint64_t offset, uint32_t size,
                                         const Cid& cid);

}  // namespace daphnis::l2
