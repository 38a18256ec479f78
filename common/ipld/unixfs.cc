#include "common/ipld/unixfs.h"

namespace daphnis {
namespace {

constexpr uint64_t kType = 1;
constexpr uint64_t kData = 2;
constexpr uint64_t kFilesize = 3;
constexpr uint64_t kBlocksizes = 4;
constexpr uint64_t kHashType = 5;
constexpr uint64_t kFanout = 6;
using Wire = ProtobufReader::Wire;

void add_blocksize(UnixFs& out, uint64_t size) {
  ++out.blocksizes;
  uint64_t sum = 0;
  if (out.blocksizes_total && !__builtin_add_overflow(*out.blocksizes_total, size, &sum)) {
    out.blocksizes_total = sum;
  } else {
    out.blocksizes_total.reset();
  }
}

/// Takes one field into `out`; false where its wire type is not the one of its number.
bool take(UnixFs& out, const ProtobufReader::Field& field, bool& has_type) {
  const bool is_number = field.wire == Wire::kVarint;
  switch (field.number) {
    case kType:
      if (!is_number || field.value > static_cast<uint64_t>(UnixFs::Type::kHamtShard)) return false;
      out.type = static_cast<UnixFs::Type>(field.value);
      has_type = true;
      return true;
    case kData:
      out.data = field.bytes;
      return field.wire == Wire::kBytes;
    case kFilesize:
      out.filesize = field.value;
      return is_number;
    case kHashType:
      out.hash_type = field.value;
      return is_number;
    case kFanout:
      out.fanout = field.value;
      return is_number;
    case kBlocksizes: {
      if (is_number) {
        add_blocksize(out, field.value);
        return true;
      }
      if (field.wire != Wire::kBytes) return false;
      ProtobufReader packed(field.bytes);
      while (!packed.at_end()) {
        uint64_t size = 0;
        if (!packed.next_varint(size)) return false;
        add_blocksize(out, size);
      }
      return true;
    }
    default:
      return true;  // Mode, modification time and fields of later versions.
  }
}

}  // namespace

std::optional<UnixFs> read_unixfs(Bytes message) {
  UnixFs out;
  out.message = message;
  out.blocksizes_total = 0;
  bool has_type = false;
  ProtobufReader fields(message);
  while (!fields.at_end()) {
    ProtobufReader::Field field;
    if (!fields.next(field) || !take(out, field, has_type)) return std::nullopt;
  }
  if (!has_type) return std::nullopt;
  return out;
}

std::optional<uint64_t> BlocksizeReader::next() {
  uint64_t size = 0;
  while (true) {
    if (!packed_.at_end()) {
      if (packed_.next_varint(size)) return size;
      return std::nullopt;
    }
    if (fields_.at_end()) return std::nullopt;
    ProtobufReader::Field field;
    if (!fields_.next(field)) return std::nullopt;
    if (field.number != kBlocksizes) continue;
    if (field.wire == Wire::kVarint) return field.value;
    packed_ = ProtobufReader(field.bytes);
  }
}

}  // namespace daphnis
