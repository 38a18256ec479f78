#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/slice.h"
#include "common/ipld/protobuf.h"

namespace daphnis {

/// One link of a dag-pb node; views into its block. The CID's bytes are unchecked.
struct DagPbLink {
  Bytes cid = {};
  std::string_view name = {};
  std::optional<uint64_t> tsize = {};
};

/// Reads a dag-pb block (https://ipld.io/specs/codecs/dag-pb/spec) item by item in encoded order,
/// without copying or allocating. Data may stand before or after the links, not among them. A view:
/// lives no longer than the block.
class DagPbReader {
 public:
  enum class Item { kLink, kData, kEnd, kMalformed };

  explicit DagPbReader(Bytes block) : fields_(block) {}

  /// The next item. Once it has returned kEnd or kMalformed, it returns that again.
  [[nodiscard]] Item next();
  [[nodiscard]] const DagPbLink& link() const { return link_; }  ///< After kLink.
  [[nodiscard]] Bytes data() const { return data_; }             ///< From kData on.
  [[nodiscard]] bool has_data() const { return has_data_; }

 private:
  [[nodiscard]] bool read_link(Bytes message);

  ProtobufReader fields_;
  DagPbLink link_;
  Bytes data_ = {};
  bool has_data_ = false;
  bool links_begun_ = false;
  bool links_over_ = false;
  bool malformed_ = false;
};

/// What a walk needs to know of a whole node before it reads the links one by one.
struct DagPbNode {
  std::optional<Bytes> data = {};
  size_t links = 0;
};

/// Reads the whole block once; nullopt where it is malformed.
[[nodiscard]] std::optional<DagPbNode> read_dag_pb(Bytes block);

/// True where the block, given in slices, holds Data and nothing else in canonical form: a leaf.
/// Reads the first bytes only, so that a large leaf need not be joined. False: it may still be a
/// leaf, in another form.
[[nodiscard]] bool is_plain_dag_pb_leaf(std::span<const Slice> block);

}  // namespace daphnis
