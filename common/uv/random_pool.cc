#include "common/uv/random_pool.h"

#include <sys/random.h>

#include <algorithm>

#include "common/base/check.h"

namespace daphnis::uv {

void RandomPool::fill(std::span<uint8_t> out) {
  check(out.size() <= kBytes, "too much randomness is wanted at once");
  if (kBytes - used_ < out.size()) {
    check(::getrandom(bytes_.data(), kBytes, 0) == static_cast<ssize_t>(kBytes),
          "the system has no randomness");
    used_ = 0;
  }
  const auto given = std::span(bytes_).subspan(used_, out.size());
  std::ranges::copy(given, out.begin());
  std::ranges::fill(given, uint8_t{0});
  used_ += out.size();
}

}  // namespace daphnis::uv
