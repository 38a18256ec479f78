#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

/// Blocking reads and writes of files, for the thread pool.
namespace daphnis::broker::uv {

/// Calls `visit` for each name in `folder` but "." and "..". Returns 0, or the errno after which
/// names may be missing.
[[nodiscard]] int for_each_name(const std::string& folder,
                                const std::function<void(const std::string&)>& visit);

/// Reads `size` bytes at `offset`, or up to the file's end; returns the number read, or -errno.
[[nodiscard]] int64_t read_at(int fd, uint8_t* into, size_t size, uint64_t offset);

/// Reads as read_at() does, and leaves no pages in memory that were not there before. The
/// descriptor should have no read-ahead (POSIX_FADV_RANDOM).
[[nodiscard]] int64_t read_gently(int fd, uint8_t* into, size_t size, uint64_t offset);

/// Writes all bytes at the descriptor's position. Returns 0 or an errno.
[[nodiscard]] int write_all(int fd, const uint8_t* data, size_t size);

/// The bytes of a whole file. Errors: kSystem, kTooLarge (more than `bytes_max`).
[[nodiscard]] Result<std::vector<uint8_t>> read_whole_file(const std::string& path,
                                                           uint64_t bytes_max);

}  // namespace daphnis::broker::uv
