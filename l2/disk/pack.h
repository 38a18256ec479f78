#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/ipld/cid.h"

namespace daphnis::l2 {

struct PackSettings {
  bool with_hidden = false;  ///< Names that begin with a dot, inside a folder.
  bool replaces = false;     ///< A file that the output's name has already.
};

struct Packed {
  Cid root = {};
  uint64_t files = 0;
  uint64_t hidden_left_out = 0;
  uint64_t others_left_out = 0;  ///< Symbolic links, sockets, devices and the like.
};

/// Packs a file, or a folder with everything below it, into the CARv1 `output` ("-": standard
/// output; what is there already is an error unless PackSettings::replaces). A file gets the CID
/// that the public `ipfs-car pack --no-wrap` gives it: raw leaves of 1 MiB, 1024 links a node,
/// CIDv1, sha2-256. A folder becomes a basic UnixFS directory; at more entries than fit into one
/// block (2 MiB) it is refused. The root comes first, then depth-first, each block once: what a
/// gateway answers to `?format=car`. Reads each file twice, so that nothing but 48 bytes per leaf
/// is held. Errors: kNotFound, kTooLarge, kInvalid (a name that no path can hold; an output that
/// exists or is a terminal; "-" as input, which cannot be read twice), kUnexpected (a file changed
/// meanwhile), kSystem.
[[nodiscard]] Result<Packed> pack(const std::string& path, const std::string& output,
                                  const PackSettings& settings);

}  // namespace daphnis::l2
