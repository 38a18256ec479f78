#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/ipld/cid.h"

namespace daphnis::l2 {

struct PackSettings {
  bool with_hidden = false;  ///< Packs names in folders that begin with a dot too.
  bool replaces = false;     ///< Replaces an existing file of the output's name.
};

struct Packed {
  Cid root = {};
  uint64_t files = 0;
  uint64_t hidden_left_out = 0;
  uint64_t others_left_out = 0;  ///< Symbolic links, sockets, devices and the like.
};

/// Packs a file, or a folder with everything below it, into the CARv1 `output` ("-": standard
/// output; an existing file is an error unless PackSettings::replaces). A file gets the CID that
/// the public `ipfs-car pack --no-wrap` gives it: raw leaves of 1 MiB, 1024 links a node, CIDv1,
/// sha2-256. A folder becomes a basic UnixFS directory; one with more entries than fit into a block
/// (2 MiB) is refused. The blocks stand depth-first, the root first, each once, as in a gateway's
/// answer to `?format=car`. Each file is read twice, so that only 48 bytes per leaf are held.
/// Errors: kNotFound, kTooLarge, kInvalid (a name that no path can hold; an output that exists or
/// is a terminal; "-" as input, which cannot be read twice), kUnexpected (a file changed
/// meanwhile), kSystem.
[[nodiscard]] Result<Packed> pack(const std::string& path, const std::string& output,
                                  const PackSettings& settings);

}  // namespace daphnis::l2
