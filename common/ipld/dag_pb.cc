#include "common/ipld/dag_pb.h"

#include <algorithm>
#include <array>

namespace daphnis {
namespace {

// PBNode { Data = 1; Links = 2 }, PBLink { Hash = 1; Name = 2; Tsize = 3 }.
constexpr uint64_t kNodeData = 1;
constexpr uint64_t kNodeLinks = 2;
constexpr uint64_t kLinkHash = 1;
constexpr uint64_t kLinkName = 2;
constexpr uint64_t kLinkTsize = 3;
using Wire = ProtobufReader::Wire;

}  // namespace

DagPbReader::Item DagPbReader::next() {
  if (malformed_) return Item::kMalformed;
  if (fields_.at_end()) return Item::kEnd;
  malformed_ = true;  // Reset below where the field is valid.
  ProtobufReader::Field field;
  if (!fields_.next(field) || field.wire != Wire::kBytes) return Item::kMalformed;
  if (field.number == kNodeData) {
    if (has_data_) return Item::kMalformed;
    has_data_ = true;
    data_ = field.bytes;
    links_over_ = links_begun_;
    malformed_ = false;
    return Item::kData;
  }
  if (field.number != kNodeLinks || links_over_) return Item::kMalformed;
  links_begun_ = true;
  if (!read_link(field.bytes)) return Item::kMalformed;
  malformed_ = false;
  return Item::kLink;
}

bool DagPbReader::read_link(Bytes message) {
  link_ = {};
  ProtobufReader fields(message);
  uint64_t last = 0;
  while (!fields.at_end()) {
    ProtobufReader::Field field;
    // The fields stand in ascending order, each at most once.
    if (!fields.next(field) || field.number <= last) return false;
    last = field.number;
    if (field.number == kLinkHash && field.wire == Wire::kBytes) {
      link_.cid = field.bytes;
    } else if (field.number == kLinkName && field.wire == Wire::kBytes) {
      link_.name = as_text(field.bytes);
    } else if (field.number == kLinkTsize && field.wire == Wire::kVarint) {
      link_.tsize = field.value;
    } else {
      return false;
    }
  }
  return !link_.cid.empty();
}

std::optional<DagPbNode> read_dag_pb(Bytes block) {
  DagPbReader reader(block);
  DagPbNode node;
  while (true) {
    switch (reader.next()) {
      case DagPbReader::Item::kLink:
        ++node.links;
        break;
      case DagPbReader::Item::kData:
        node.data = reader.data();
        break;
      case DagPbReader::Item::kEnd:
        return node;
      case DagPbReader::Item::kMalformed:
        return std::nullopt;
    }
  }
}

bool is_plain_dag_pb_leaf(std::span<const Slice> block) {
  constexpr uint8_t kDataKey = kNodeData << 3 | static_cast<uint8_t>(Wire::kBytes);
  std::array<uint8_t, 1 + 5> head{};  // The key and a length below 2^35.
  size_t size = 0;
  for (const Slice& slice : block) {
    const size_t taken = std::min(slice.size, head.size() - size);
    std::copy_n(slice.data, taken, head.begin() + static_cast<ptrdiff_t>(size));
    size += taken;
    if (size == head.size()) break;
  }
  if (size < 2 || head[0] != kDataKey) return false;
  uint64_t length = 0;
  for (size_t i = 1; i < size; ++i) {
    length |= uint64_t{head[i] & 0x7fU} << (7 * (i - 1));
    if (head[i] < 0x80) return i + 1 + length == total_size(block);
  }
  return false;
}

}  // namespace daphnis
