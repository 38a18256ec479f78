#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/limits.h"
#include "common/base/result.h"
#include "common/ipld/cid.h"
#include "l2/core/car_section.h"

namespace daphnis::l2 {

struct UnpackSettings {
  std::optional<Cid> root = {};                  ///< nullopt: the header's only root.
  uint64_t bytes_max = limits::kOutputBytesMax;  ///< Of all files; a small CAR can expand to many.
  /// Becomes true when the work is to be given up; may be null.
  const std::atomic<bool>* is_interrupted = nullptr;
};

struct Unpacked {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t left_over_blocks = 0;  ///< Blocks of a stream behind the end of the DAG.
  CarFlaws flaws = {};            ///< The parts of the CAR that were passed over.
};

/// Writes the UnixFS file or folder that the CAR `input` ("-": standard input) holds to `path`,
/// which must not exist. Each block is proven before its bytes are used; padding, unreadable
/// sections and a tail are passed over. A file may hold its blocks anywhere; a stream must be a
/// CARv1, depth-first with the root first, with or without repeats. Names with '/', "." and "..",
/// and symbolic links that are absolute or lead out of `path` are refused, so that nothing is ever
/// written outside. On an error nothing is left behind. Errors: kMalformed, kTruncated,
/// kHashMismatch, kNotFound (a block is missing), kUnsupported (no UnixFS), kTooLarge, kInvalid,
/// kSystem; `detail` is a sentence.
[[nodiscard]] Result<Unpacked> unpack(const std::string& input, const std::string& path,
                                      const UnpackSettings& settings);

}  // namespace daphnis::l2
