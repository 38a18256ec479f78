#pragma once

#include <cstdint>

#include "common/base/slice.h"

namespace daphnis {

/// Reads the fields of one protobuf message in encoded order, without copying. Varints may be
/// longer than needed, as every protobuf reader accepts
/// (https://protobuf.dev/programming-guides/encoding). A view: lives no longer than the bytes it
/// was given.
class ProtobufReader {
 public:
  /// Wire types that we read; groups (3 and 4) are malformed.
  enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  struct Field {
    uint64_t number = 0;
    Wire wire = Wire::kVarint;
    uint64_t value = 0;  ///< kVarint, kFixed64, kFixed32.
    Bytes bytes = {};    ///< kBytes.
  };

  explicit ProtobufReader(Bytes message) : rest_(message) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// Reads the next field into `field`; false where the bytes are malformed or cut.
  [[nodiscard]] bool next(Field& field);
  /// Reads a bare varint, as in packed repeated fields; false where it is malformed or cut.
  [[nodiscard]] bool next_varint(uint64_t& value);

 private:
  [[nodiscard]] bool next_fixed(size_t size, uint64_t& value);

  Bytes rest_;
};

}  // namespace daphnis
