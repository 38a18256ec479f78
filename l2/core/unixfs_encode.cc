#include "l2/core/unixfs_encode.h"

#include <openssl/sha.h>

#include <array>

#include "common/base/check.h"
#include "common/base/varint.h"
#include "common/ipld/hashes.h"
#include "common/ipld/unixfs.h"

namespace daphnis::l2 {
namespace {

using Out = std::vector<uint8_t>;

/// The heads of protobuf fields: number and wire type
/// (https://protobuf.dev/programming-guides/encoding/).
constexpr uint8_t varint_field(unsigned number) {
  return static_cast<uint8_t>(number << 3);
}
constexpr uint8_t bytes_field(unsigned number) {
  return static_cast<uint8_t>(number << 3 | 2);
}

void put_varint(Out& out, uint64_t value) {
  std::array<uint8_t, kVarintBytesMax> digits;
  const size_t size = write_varint(value, digits.data());
  out.insert(out.end(), digits.begin(), digits.begin() + static_cast<ptrdiff_t>(size));
}

void put_number(Out& out, uint8_t field, uint64_t value) {
  out.push_back(field);
  put_varint(out, value);
}

void put_bytes(Out& out, uint8_t field, Bytes bytes) {
  put_number(out, field, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Writes one of PBNode.Links. The name is written even where it is empty, as all UnixFS writers
/// do.
void put_link(Out& out, const DagNode& node, std::string_view name) {
  Out link;
  link.reserve(64 + name.size());
  put_bytes(link, bytes_field(1), node.cid.bytes());
  put_bytes(link, bytes_field(2), as_bytes(name));
  put_number(link, varint_field(3), node.dag_size);
  put_bytes(out, bytes_field(2), link);
}

}  // namespace

Out encode_file_node(std::span<const DagNode> children) {
  Out out;
  Out data;
  uint64_t total = 0;
  for (const DagNode& child : children) {
    put_link(out, child, "");
    total += child.file_size;
  }
  put_number(data, varint_field(1), static_cast<uint64_t>(UnixFs::Type::kFile));
  put_number(data, varint_field(3), total);
  for (const DagNode& child : children) put_number(data, varint_field(4), child.file_size);
  put_bytes(out, bytes_field(1),
            data);  // Links stand before Data, although their number is larger.
  return out;
}

Out encode_directory(std::span<const DagEntry> entries) {
  Out out;
  Out data;
  for (const DagEntry& entry : entries) put_link(out, entry.node, entry.name);
  put_number(data, varint_field(1), static_cast<uint64_t>(UnixFs::Type::kDirectory));
  put_bytes(out, bytes_field(1), data);
  return out;
}

Cid sha256_cid(uint64_t codec, Bytes block) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(block.data(), block.size(), digest.data());
  const auto cid = Cid::v1(codec, hash::kSha2_256, digest);
  check(cid.has_value(), "a CID cannot be made of a sha2-256 digest");
  return *cid;
}

DagNode node_above(std::span<const DagNode> children, Bytes block) {
  DagNode node{sha256_cid(codec::kDagPb, block), 0, block.size()};
  for (const DagNode& child : children) {
    node.file_size += child.file_size;
    node.dag_size += child.dag_size;
  }
  return node;
}

}  // namespace daphnis::l2
