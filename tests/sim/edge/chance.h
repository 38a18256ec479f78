#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>

namespace daphnis::sim {

/// All randomness of one run, drawn from one seed. Owned by the scene. The distributions of the
/// standard library are not used: they differ between libraries, so a seed would not replay with
/// another one.
class Chance {
 public:
  explicit Chance(uint64_t seed) : engine_(seed) {}

  [[nodiscard]] uint64_t bits() { return engine_(); }
  /// A number from 0 to `bound` - 1; `bound` is at least 1.
  [[nodiscard]] uint64_t below(uint64_t bound) { return engine_() % bound; }
  [[nodiscard]] uint64_t between(uint64_t least, uint64_t most) {
    return least + below(most - least + 1);
  }
  /// True once in `n` times; never with 0.
  [[nodiscard]] bool one_in(uint64_t n) { return n != 0 && below(n) == 0; }

  template <class Container>
  [[nodiscard]] auto& pick(Container& from) {
    return from[static_cast<size_t>(below(std::size(from)))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace daphnis::sim
