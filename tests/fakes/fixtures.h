#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace daphnis::test {

/// The bytes of a file below ../shared, like "fixtures/valid/adv-base.car". Where it is absent the
/// test fails and says so.
inline std::vector<uint8_t> read_shared(const std::string& name) {
  const std::string path = std::string(DAPHNIS_SHARED) + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) FAIL("this test needs " << path << " beside the checkout, which cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace daphnis::test
