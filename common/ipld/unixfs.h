#pragma once

#include <cstdint>
#include <optional>

#include "common/base/slice.h"
#include "common/ipld/protobuf.h"

namespace daphnis {

/// The UnixFS message in a dag-pb node's Data (https://specs.ipfs.tech/unixfs/). Views into the
/// block.
struct UnixFs {
  enum class Type : uint8_t {
    kRaw = 0,
    kDirectory = 1,
    kFile = 2,
    kMetadata = 3,
    kSymlink = 4,
    kHamtShard = 5,
  };

  Type type = Type::kRaw;
  Bytes data = {};                                ///< File bytes, symlink target or HAMT bitmap.
  std::optional<uint64_t> filesize = {};          ///< As claimed; nothing is derived from it.
  uint64_t blocksizes = 0;                        ///< The number of blocksizes.
  std::optional<uint64_t> blocksizes_total = {};  ///< Their sum; nullopt where it overflows.
  std::optional<uint64_t> hash_type = {};
  std::optional<uint64_t> fanout = {};
  Bytes message = {};  ///< The whole message, for BlocksizeReader.

  [[nodiscard]] bool is_file() const { return type == Type::kFile || type == Type::kRaw; }
};

/// Reads a UnixFS message; nullopt where the bytes are none. Allocates nothing.
[[nodiscard]] std::optional<UnixFs> read_unixfs(Bytes message);

/// Reads the blocksizes, plain or packed, of a message that read_unixfs() has accepted.
class BlocksizeReader {
 public:
  explicit BlocksizeReader(Bytes message) : fields_(message), packed_(Bytes{}) {}
  /// The next blocksize; nullopt after the last.
  [[nodiscard]] std::optional<uint64_t> next();

 private:
  ProtobufReader fields_;
  ProtobufReader packed_;
};

}  // namespace daphnis
