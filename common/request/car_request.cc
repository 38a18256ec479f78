#include "common/request/car_request.h"

#include <simdjson.h>

#include <algorithm>

#include "common/base/limits.h"
#include "common/base/varint.h"
#include "common/hash/sha256.h"

namespace daphnis {
namespace {

/// The encoding: version, format, scope, flags (a byte each); the root as varint length and bytes;
/// the count of segments as a varint, and each segment as varint length and bytes; `from` and `to`
/// as 8 bytes little endian where the flags say so.
constexpr uint8_t kFormVersion = 1;
constexpr uint8_t kFlagDups = 1;
constexpr uint8_t kFlagFrom = 2;
constexpr uint8_t kFlagTo = 4;

void put_varint(std::vector<uint8_t>& out, uint64_t value) {
  uint8_t digits[kVarintBytesMax];
  const size_t size = write_varint(value, digits);
  out.insert(out.end(), digits, digits + size);
}

void put_bytes(std::vector<uint8_t>& out, Bytes bytes) {
  put_varint(out, bytes.size());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_int64(std::vector<uint8_t>& out, int64_t value) {
  auto rest = static_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i, rest >>= 8) out.push_back(static_cast<uint8_t>(rest));
}

/// Takes fields off the front of the bytes; after the first failure all further calls fail.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  Bytes take(uint64_t size) {
    if (!ok_ || size > rest_.size()) return fail_with(Bytes{});
    const Bytes taken = rest_.first(static_cast<size_t>(size));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  uint8_t byte() {
    const Bytes taken = take(1);
    return ok_ ? taken[0] : uint8_t{0};
  }
  uint64_t varint() {
    const auto number = read_varint(rest_);
    if (!number) return fail_with(uint64_t{0});
    (void)take(number->size);
    return ok_ ? number->value : 0;
  }
  int64_t int64() {
    uint64_t value = 0;
    const Bytes taken = take(8);
    for (size_t i = taken.size(); i > 0; --i) value = (value << 8) | taken[i - 1];
    return static_cast<int64_t>(value);
  }

 private:
  template <class T>
  T fail_with(T value) {
    ok_ = false;
    return value;
  }

  Bytes rest_;
  bool ok_ = true;
};

std::unexpected<Error> malformed() {
  return fail(Errc::kMalformed, "not a canonical request");
}

/// Checks the rules in CarRequest's comments that its types do not enforce.
bool is_canonical(const CarRequest& request) {
  if (request.bytes && request.scope != DagScope::kEntity) return false;
  const bool plain = request.path.empty() && request.scope == DagScope::kBlock && !request.dups;
  return request.format == AnswerFormat::kCar || plain;
}

bool read_path(Reader& reader, std::vector<std::string>& path) {
  const uint64_t count = reader.varint();
  if (!reader.ok() || count > limits::kPathSegmentsMax) return false;
  size_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const Bytes segment = reader.take(reader.varint());
    total += segment.size();
    if (!reader.ok() || total > limits::kHttpTargetBytesMax) return false;
    if (!is_path_segment(as_text(segment))) return false;
    path.emplace_back(as_text(segment));
  }
  return true;
}

}  // namespace

bool is_path_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         segment.find('/') == std::string_view::npos &&
         segment.find('\0') == std::string_view::npos &&
         simdjson::validate_utf8(segment.data(), segment.size());
}

std::vector<uint8_t> encode(const CarRequest& request) {
  std::vector<uint8_t> out;
  out.reserve(64);
  unsigned flags = request.dups ? kFlagDups : 0U;
  if (request.bytes) flags |= kFlagFrom;
  if (request.bytes && request.bytes->to) flags |= kFlagTo;
  out.push_back(kFormVersion);
  out.push_back(static_cast<uint8_t>(request.format));
  out.push_back(static_cast<uint8_t>(request.scope));
  out.push_back(static_cast<uint8_t>(flags));
  put_bytes(out, request.root.bytes());
  put_varint(out, request.path.size());
  for (const std::string& segment : request.path) put_bytes(out, as_bytes(segment));
  if (request.bytes) put_int64(out, request.bytes->from);
  if (request.bytes && request.bytes->to) put_int64(out, *request.bytes->to);
  return out;
}

Result<CarRequest> decode_car_request(Bytes bytes) {
  Reader reader(bytes);
  const uint8_t version = reader.byte();
  const uint8_t format = reader.byte();
  const uint8_t scope = reader.byte();
  const uint8_t flags = reader.byte();
  const Bytes root_bytes = reader.take(reader.varint());
  if (!reader.ok() || version != kFormVersion || format > 1 || scope > 2) return malformed();
  if (flags > 7 || (flags & (kFlagFrom | kFlagTo)) == kFlagTo) return malformed();
  auto root = Cid::from_bytes(root_bytes);
  if (!root) return std::unexpected(std::move(root.error()));
  CarRequest request{.root = *root,
                     .scope = static_cast<DagScope>(scope),
                     .dups = (flags & kFlagDups) != 0,
                     .format = static_cast<AnswerFormat>(format)};
  if (!read_path(reader, request.path)) return malformed();
  if ((flags & kFlagFrom) != 0) {
    request.bytes = ByteRange{.from = reader.int64(), .to = {}};
    if ((flags & kFlagTo) != 0) request.bytes->to = reader.int64();
  }
  if (!reader.ok() || !reader.at_end() || !is_canonical(request)) return malformed();
  return request;
}

RequestKey key_of(const CarRequest& request) {
  return sha256(encode(request));
}

}  // namespace daphnis
