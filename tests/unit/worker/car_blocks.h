#pragma once

#include <vector>

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {

/// The places of the sample's blocks in its CAR.
inline std::vector<CachedBlock> blocks_of(const SampleCar& car) {
  std::vector<CachedBlock> blocks;
  Bytes left = Bytes(car.bytes);
  while (!left.empty()) {
    const auto length = read_varint(left);
    const Bytes section = left.subspan(length->size, length->value);
    left = left.subspan(length->size + length->value);
    const auto prefix = Cid::prefix_of(section);
    if (!prefix) continue;  // The section is the header.
    blocks.push_back({.cid = prefix->cid,
                      .offset = car.bytes.size() - left.size() - section.size() + prefix->size,
                      .size = static_cast<uint32_t>(section.size() - prefix->size)});
  }
  return blocks;
}

}  // namespace daphnis::worker::test
