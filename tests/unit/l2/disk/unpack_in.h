#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "l2/disk/unpack.h"
#include "tests/unit/l2/disk/temp_folder.h"

namespace daphnis::test {

/// Unpacks "in.car" as "out", from the file or, as standard input, from a stream.
inline Result<l2::Unpacked> unpack_in(const TempFolder& folder, bool is_stream,
                                      const l2::UnpackSettings& settings = {}) {
  if (!is_stream) return l2::unpack(folder.at("in.car"), folder.at("out"), settings);
  const int kept = dup(STDIN_FILENO);
  const int input = open(folder.at("in.car").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(input >= 0);
  dup2(input, STDIN_FILENO);
  close(input);
  auto result = l2::unpack("-", folder.at("out"), settings);
  if (kept >= 0) dup2(kept, STDIN_FILENO);
  if (kept >= 0) close(kept);
  return result;
}

}  // namespace daphnis::test
