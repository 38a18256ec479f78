#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>

namespace daphnis::worker::uv {

/// True where the file's beginning is in memory. A read that does not wait would bring it in, so
/// another call is used.
inline bool is_warm(int fd) {
  void* const mapped = ::mmap(nullptr, 1, PROT_READ, MAP_SHARED, fd, 0);
  REQUIRE(mapped != MAP_FAILED);
  unsigned char page = 0;
  const int result = ::mincore(mapped, 1, &page);
  ::munmap(mapped, 1);
  REQUIRE(result == 0);
  return (page & 1) != 0;
}

/// Drops the file from the page cache. The system takes this for advice, so it is said repeatedly.
inline void cool(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  do {
    REQUIRE(::fdatasync(fd) == 0);
    REQUIRE(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
    if (!is_warm(fd)) return;
  } while (std::chrono::steady_clock::now() < deadline);
  FAIL("the file stays in memory");
}

}  // namespace daphnis::worker::uv
