#include "common/ipld/protobuf.h"

namespace daphnis {

bool ProtobufReader::next_varint(uint64_t& value) {
  constexpr size_t kBytesMax = 10;
  value = 0;
  for (size_t i = 0; i < rest_.size() && i < kBytesMax; ++i) {
    const uint64_t part = rest_[i] & 0x7f;
    if (i == kBytesMax - 1 && part > 1) return false;  // It would not fit 64 bits.
    value |= part << (7 * i);
    if (rest_[i] < 0x80) {
      rest_ = rest_.subspan(i + 1);
      return true;
    }
  }
  return false;
}

bool ProtobufReader::next_fixed(size_t size, uint64_t& value) {
  if (rest_.size() < size) return false;
  value = 0;
  for (size_t i = 0; i < size; ++i) value |= uint64_t{rest_[i]} << (8 * i);
  rest_ = rest_.subspan(size);
  return true;
}

bool ProtobufReader::next(Field& field) {
  uint64_t key = 0;
  if (!next_varint(key)) return false;
  field.number = key >> 3;
  if (field.number == 0) return false;
  field.wire = static_cast<Wire>(key & 7);
  switch (field.wire) {
    case Wire::kVarint:
      return next_varint(field.value);
    case Wire::kFixed64:
      return next_fixed(8, field.value);
    case Wire::kFixed32:
      return next_fixed(4, field.value);
    case Wire::kBytes: {
      uint64_t length = 0;
      if (!next_varint(length) || length > rest_.size()) return false;
      field.bytes = rest_.first(length);
      rest_ = rest_.subspan(length);
      return true;
    }
  }
  return false;
}

}  // namespace daphnis
