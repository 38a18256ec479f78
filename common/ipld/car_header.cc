#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/ipld/car.h"
#include "common/ipld/cbor.h"

namespace daphnis {
namespace {

// DAG-CBOR (RFC 8949 section 3, strict subset of https://ipld.io/specs/codecs/dag-cbor/spec/).

using Failure = CarReader::Failure;

// Takes items off the front of a span; each function returns false where the next item is another.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  // Takes an item's head with its number in the shortest form; indefinite lengths and floats fail.
  [[nodiscard]] bool head(cbor::Major major, uint64_t& number) {
    if (rest_.empty() || rest_[0] >> 5 != major) return false;
    const unsigned info = rest_[0] & 0x1fU;
    if (info > 27) return false;
    const size_t extra = info < 24 ? 0 : size_t{1} << (info - 24);
    if (rest_.size() < 1 + extra) return false;
    number = info;
    if (extra > 0) {
      number = 0;
      for (const uint8_t byte : rest_.subspan(1, extra)) number = number << 8 | byte;
      const uint64_t least = extra == 1 ? 24 : uint64_t{1} << (extra * 4);
      if (number < least) return false;
    }
    rest_ = rest_.subspan(1 + extra);
    return true;
  }

  // Takes a byte or text string; `content` becomes a view of it.
  [[nodiscard]] bool string(cbor::Major major, Bytes& content) {
    uint64_t size = 0;
    if (!head(major, size) || size > rest_.size()) return false;
    content = rest_.first(static_cast<size_t>(size));
    rest_ = rest_.subspan(static_cast<size_t>(size));
    return true;
  }

 private:
  Bytes rest_;
};

bool read_roots(Cursor& cursor, std::vector<Cid>* roots) {
  uint64_t count = 0;
  if (!cursor.head(cbor::kList, count)) return false;
  // A count that is too large ends the loop with the bytes: each root takes some.
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t tag = 0;
    Bytes content;
    if (!cursor.head(cbor::kTag, tag) || tag != cbor::kCidTag) return false;
    if (!cursor.string(cbor::kByteString, content)) return false;
    // The multibase prefix of binary, which DAG-CBOR demands.
    if (content.empty() || content[0] != 0) return false;
    const auto prefix = Cid::prefix_of(content.subspan(1));
    if (!prefix || prefix->size != content.size() - 1) return false;
    if (roots) roots->push_back(prefix->cid);
  }
  return true;
}

std::unexpected<Failure> malformed(std::string_view what) {
  return std::unexpected(Failure{Errc::kMalformed, what});
}

}  // namespace

std::expected<void, Failure> read_car_header(Bytes header, std::vector<Cid>* roots) {
  Cursor cursor(header);
  uint64_t keys = 0;
  if (!cursor.head(cbor::kMap, keys)) return malformed("the CAR header is not a map");
  bool has_roots = false;
  bool has_version = false;
  uint64_t version = 0;
  for (uint64_t i = 0; i < keys; ++i) {
    Bytes key;
    if (!cursor.string(cbor::kTextString, key))
      return malformed("the CAR header is cut or has no keys");
    if (as_text(key) == "roots" && !has_roots) {
      has_roots = true;
      if (!read_roots(cursor, roots)) return malformed("the CAR header's roots are malformed");
    } else if (as_text(key) == "version" && !has_version) {
      has_version = true;
      if (!cursor.head(cbor::kUnsigned, version)) {
        return malformed("the CAR header's version is malformed");
      }
    } else {
      return malformed("the CAR header has an unknown or repeated key");
    }
  }
  if (!cursor.at_end()) return malformed("bytes follow the CAR header's map");
  if (!has_version) return malformed("the CAR header has no version");
  if (version != 1) {
    return std::unexpected(Failure{Errc::kUnsupported, "the CAR is not of version 1"});
  }
  if (!has_roots) return malformed("the CAR header has no roots");
  return {};
}

size_t write_car_header(const Cid& root, std::span<uint8_t, kCarHeaderWrittenMax> out) {
  constexpr std::string_view kBeforeRoot = "\xa2\x65roots\x81\xd8\x2a";
  constexpr std::string_view kAfterRoot = "\x67version\x01";
  const size_t content = 1 + root.bytes().size();
  std::array<uint8_t, 2> string_head{0x58, static_cast<uint8_t>(content)};
  Bytes head = string_head;
  if (content < 24) {
    string_head[0] = static_cast<uint8_t>(0x40 | content);
    head = head.first(1);
  }
  const size_t size = kBeforeRoot.size() + head.size() + content + kAfterRoot.size();
  uint8_t* at = out.data();
  at += write_varint(size, at);
  at = std::ranges::copy(as_bytes(kBeforeRoot), at).out;
  at = std::ranges::copy(head, at).out;
  *at++ = 0;
  at = std::ranges::copy(root.bytes(), at).out;
  at = std::ranges::copy(as_bytes(kAfterRoot), at).out;
  return static_cast<size_t>(at - out.data());
}

size_t write_section_head(const Cid& cid, size_t body_size,
                          std::span<uint8_t, kSectionHeadBytesMax> out) {
  const Bytes bytes = cid.bytes();
  const size_t length = write_varint(bytes.size() + body_size, out.data());
  std::memcpy(out.data() + length, bytes.data(), bytes.size());
  return length + bytes.size();
}

Result<CarExtent> car_extent(Bytes start, uint64_t file_size) {
  // A CARv1 header that says version 2 and has no roots.
  constexpr std::string_view kPragma = "\x0a\xa1\x67version\x02";
  constexpr size_t kCharacteristicsBytes = 16;
  check(start.size() == std::min<uint64_t>(file_size, kCarV2HeadBytes), "not the file's start");
  if (file_size == 0) return fail(Errc::kTruncated, "the file is empty");
  if (!as_text(start).starts_with(kPragma)) return CarExtent{0, file_size};
  if (start.size() < kCarV2HeadBytes) return fail(Errc::kTruncated, "the CARv2 header is cut");

  const auto number_at = [start](size_t at) {
    uint64_t number = 0;
    for (size_t i = 8; i-- > 0;) number = number << 8 | start[at + i];  // little-endian
    return number;
  };
  const size_t fields = kPragma.size() + kCharacteristicsBytes;
  const uint64_t offset = number_at(fields);
  const uint64_t size = number_at(fields + 8);
  if (offset < kCarV2HeadBytes || size == 0) {
    return fail(Errc::kMalformed, "the CARv2 header names no payload");
  }
  if (offset >= file_size) return fail(Errc::kTruncated, "the CARv2 payload lies outside the file");
  const uint64_t left = file_size - offset;
  return CarExtent{offset, std::min(size, left), size > left};
}

}  // namespace daphnis
