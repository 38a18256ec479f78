#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace daphnis::uv {

/// Who else may be able to read a file.
enum class Secrecy : uint8_t {
  kNone,
  /// The file is ours or root's, and nobody else may use it, but for a credential of systemd
  /// (LoadCredential, systemd.exec(5)), whose folder is for us alone.
  kSecret,
};

/// Reads a regular file whole, and waits for the disk. A FIFO of that name does not hang us.
/// Errors, each with the path: kSystem; kInvalid, no regular file or not secret enough; kTooLarge,
/// more than `bytes_max` bytes.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, size_t bytes_max,
                                                  Secrecy secrecy);

}  // namespace daphnis::uv
