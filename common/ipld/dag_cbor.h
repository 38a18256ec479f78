#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/slice.h"

namespace daphnis {

/// Where a path ends inside one dag-cbor or dag-json block.
struct NodeLookup {
  enum class Kind {
    kLink,       ///< At the link `cid`, after `used` segments.
    kValue,      ///< At a value that is not a link, after all segments.
    kMissing,    ///< A map lacks the key, a list the index, or a scalar has nothing below it.
    kMalformed,  ///< The block does not decode.
  };
  Kind kind = Kind::kMalformed;
  size_t used = 0;
  std::vector<uint8_t> cid = {};  ///< Binary, unchecked.
};

/// Reads a dag-cbor block (https://ipld.io/specs/codecs/dag-cbor/spec) and reports its links (tag
/// 42) in encoded order. Map keys may be unsorted and numbers longer than needed; indefinite
/// lengths, other tags, keys that are not text, and bytes after the value are malformed. Lists and
/// maps nest at most kNodeNestingMax deep. A view: lives no longer than the block.
class DagCborReader {
 public:
  enum class Item { kLink, kEnd, kMalformed, kTooDeep };

  explicit DagCborReader(Bytes block) : rest_(block) {}

  /// Reads on to the next link. Once it has returned another item, it returns that item again.
  [[nodiscard]] Item next();
  [[nodiscard]] Bytes cid() const { return cid_; }  ///< After kLink; binary, unchecked.

 private:
  /// An open list or map: `left` counts the values to come; in a map a key stands before each.
  struct Open {
    uint64_t left;
    bool is_map;
  };

  Bytes rest_;
  Bytes cid_ = {};
  std::vector<Open> open_ = {};
  bool begun_ = false;
  std::optional<Item> over_ = {};

  [[nodiscard]] std::optional<Item> read_value();
};

/// Follows `path` through the maps (by key, the first that matches) and lists (by index) of a
/// block.
[[nodiscard]] NodeLookup dag_cbor_lookup(Bytes block, std::span<const std::string> path);

/// A list index as paths write it: decimal digits without leading zeros.
[[nodiscard]] std::optional<uint64_t> path_index(std::string_view segment);

}  // namespace daphnis
