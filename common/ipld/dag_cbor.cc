#include "common/ipld/dag_cbor.h"

#include <charconv>
#include <string_view>

#include "common/base/limits.h"
#include "common/ipld/cbor.h"

namespace daphnis {
namespace {

/// The head of a data item (RFC 8949 section 3): major type and argument.
struct ItemHead {
  uint8_t major;
  uint8_t info;
  uint64_t argument;
};

/// Takes a head off the front of `rest`; nullopt where it is cut, reserved or of indefinite length.
std::optional<ItemHead> take_head(Bytes& rest) {
  if (rest.empty()) return std::nullopt;
  ItemHead head{static_cast<uint8_t>(rest[0] >> 5), static_cast<uint8_t>(rest[0] & 0x1f), 0};
  rest = rest.subspan(1);
  if (head.info < 24) {
    head.argument = head.info;
    return head;
  }
  if (head.info > 27) return std::nullopt;
  const size_t size = size_t{1} << (head.info - 24);
  if (rest.size() < size) return std::nullopt;
  for (const uint8_t byte : rest.first(size)) head.argument = head.argument << 8 | byte;
  rest = rest.subspan(size);
  return head;
}

std::optional<Bytes> take_bytes(Bytes& rest, uint64_t size) {
  if (size > rest.size()) return std::nullopt;
  const Bytes taken = rest.first(size);
  rest = rest.subspan(size);
  return taken;
}

std::optional<Bytes> take_key(Bytes& rest) {
  const std::optional<ItemHead> head = take_head(rest);
  if (!head || head->major != cbor::kTextString) return std::nullopt;
  return take_bytes(rest, head->argument);
}

/// The CID inside tag 42: a byte string that begins with the identity multibase prefix.
std::optional<Bytes> take_cid(Bytes& rest) {
  const std::optional<ItemHead> head = take_head(rest);
  if (!head || head->major != cbor::kByteString) return std::nullopt;
  const std::optional<Bytes> bytes = take_bytes(rest, head->argument);
  if (!bytes || bytes->size() < 2 || (*bytes)[0] != 0) return std::nullopt;
  return bytes->subspan(1);
}

/// True for false, true, null and floats; dag-cbor has no undefined and no unassigned values.
bool is_known_simple(uint8_t info) {
  return (info >= 20 && info <= 22) || (info >= 25 && info <= 27);
}

}  // namespace

std::optional<DagCborReader::Item> DagCborReader::read_value() {
  const std::optional<ItemHead> head = take_head(rest_);
  if (!head) return Item::kMalformed;
  switch (head->major) {
    case cbor::kUnsigned:
    case cbor::kNegative:
      return std::nullopt;
    case cbor::kByteString:
    case cbor::kTextString:
      if (!take_bytes(rest_, head->argument)) return Item::kMalformed;
      return std::nullopt;
    case cbor::kList:
    case cbor::kMap:
      // Each value takes at least a byte, so a count above the bytes left cannot be true.
      if (head->argument > rest_.size()) return Item::kMalformed;
      if (open_.size() == limits::kNodeNestingMax) return Item::kTooDeep;
      open_.push_back({head->argument, head->major == cbor::kMap});
      return std::nullopt;
    case cbor::kTag: {
      if (head->argument != cbor::kCidTag) return Item::kMalformed;
      const std::optional<Bytes> cid = take_cid(rest_);
      if (!cid) return Item::kMalformed;
      cid_ = *cid;
      return Item::kLink;
    }
    default:
      if (!is_known_simple(head->info)) return Item::kMalformed;
      return std::nullopt;
  }
}

DagCborReader::Item DagCborReader::next() {
  while (!over_) {
    while (!open_.empty() && open_.back().left == 0) open_.pop_back();
    if (begun_ && open_.empty()) {
      over_ = rest_.empty() ? Item::kEnd : Item::kMalformed;
      break;
    }
    begun_ = true;
    if (!open_.empty()) {
      --open_.back().left;
      if (open_.back().is_map && !take_key(rest_)) {
        over_ = Item::kMalformed;
        break;
      }
    }
    const std::optional<Item> item = read_value();
    if (item == Item::kLink) return *item;
    over_ = item;
  }
  return *over_;
}

std::optional<uint64_t> path_index(std::string_view segment) {
  if (segment.size() > 1 && segment[0] == '0') return std::nullopt;
  uint64_t index = 0;
  const char* end = segment.data() + segment.size();
  const auto [at, error] = std::from_chars(segment.data(), end, index);
  if (error != std::errc{} || at != end) return std::nullopt;
  return index;
}

namespace {

/// Skips one whole value of a block that is known to decode.
void skip_value(Bytes& rest) {
  uint64_t left = 1;
  while (left > 0) {
    const std::optional<ItemHead> head = take_head(rest);
    if (!head) return;
    --left;
    switch (head->major) {
      case cbor::kByteString:
      case cbor::kTextString:
        (void)take_bytes(rest, head->argument);
        break;
      case cbor::kList:
        left += head->argument;
        break;
      case cbor::kMap:
        left += 2 * head->argument;
        break;
      case cbor::kTag:
        ++left;
        break;
      default:
        break;
    }
  }
}

/// Moves `rest`, past the head of a list or map, to the child that `segment` names.
bool find_child(Bytes& rest, const ItemHead& head, const std::string& segment) {
  if (head.major == cbor::kMap) {
    for (uint64_t i = 0; i < head.argument; ++i) {
      const std::optional<Bytes> key = take_key(rest);
      if (!key) return false;
      if (as_text(*key) == segment) return true;
      skip_value(rest);
    }
    return false;
  }
  if (head.major != cbor::kList) return false;
  const std::optional<uint64_t> index = path_index(segment);
  if (!index || *index >= head.argument) return false;
  for (uint64_t i = 0; i < *index; ++i) skip_value(rest);
  return true;
}

}  // namespace

NodeLookup dag_cbor_lookup(Bytes block, std::span<const std::string> path) {
  DagCborReader whole(block);
  DagCborReader::Item item = whole.next();
  while (item == DagCborReader::Item::kLink) item = whole.next();
  if (item != DagCborReader::Item::kEnd) return {NodeLookup::Kind::kMalformed};

  Bytes rest = block;
  for (size_t used = 0;; ++used) {
    const std::optional<ItemHead> head = take_head(rest);
    if (!head) return {NodeLookup::Kind::kMalformed};
    if (head->major == cbor::kTag) {
      const std::optional<Bytes> cid = take_cid(rest);
      if (!cid) return {NodeLookup::Kind::kMalformed};
      return {NodeLookup::Kind::kLink, used, {cid->begin(), cid->end()}};
    }
    if (used == path.size()) return {NodeLookup::Kind::kValue, used};
    if (!find_child(rest, *head, path[used])) return {NodeLookup::Kind::kMissing, used};
  }
}

}  // namespace daphnis
