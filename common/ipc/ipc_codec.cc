#include "common/ipc/ipc_codec.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "common/base/check.h"

namespace daphnis::ipc {
namespace {

template <class Enum>
constexpr Enum last_of();
template <>
constexpr AttemptOutcome last_of() {
  return kAttemptOutcomeLast;
}
template <>
constexpr FetchFailure last_of() {
  return kFetchFailureLast;
}
template <>
constexpr BroadcastVerb last_of() {
  return kBroadcastVerbLast;
}
template <>
constexpr SpoolPlace last_of() {
  return kSpoolPlaceLast;
}
template <>
constexpr Admission last_of() {
  return kAdmissionLast;
}
template <>
constexpr JoinState last_of() {
  return kJoinStateLast;
}
template <>
constexpr CacheFaultKind last_of() {
  return kCacheFaultKindLast;
}
template <>
constexpr StreamShape last_of() {
  return StreamShape::kWholeDag;
}

class Writer {
 public:
  explicit Writer(std::vector<uint8_t>& out) : out_(out) {}

  void operator()(const auto&... fields) { (put(fields), ...); }

 private:
  template <class Integer>
  requires std::is_integral_v<Integer>
  void put(Integer value) {
    for (size_t i = 0; i < sizeof value; ++i) {
      out_.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
    }
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void put(Enum value) { put(static_cast<uint8_t>(value)); }
  void put(Bytes bytes) {
    put(static_cast<uint32_t>(bytes.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void put(const std::string& text) { put(as_bytes(text)); }
  void put(const std::vector<uint8_t>& bytes) { put(Bytes(bytes)); }
  void put(const CarRequest& request) { put(Bytes(encode(request))); }
  void put(const KeyHits& hits) { hits.fields(hits, *this); }
  template <class Item>
  void put(const std::vector<Item>& items) {
    put(static_cast<uint32_t>(items.size()));
    for (const Item& item : items) put(item);
  }
  template <size_t N>
  void put(const std::array<uint8_t, N>& bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

  std::vector<uint8_t>& out_;
};

/// Reads fields one after the other; after the first fault every further read does nothing.
class Reader {
 public:
  explicit Reader(Bytes in) : in_(in) {}

  void operator()(auto&... fields) { (get(fields), ...); }
  [[nodiscard]] bool is_whole() const { return ok_ && in_.empty(); }

 private:
  Bytes take(size_t size) {
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const Bytes taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }

  template <class Integer>
  requires std::is_integral_v<Integer>
  void get(Integer& value) {
    uint64_t sum = 0;
    size_t shift = 0;
    for (const uint8_t byte : take(sizeof value)) {
      sum |= static_cast<uint64_t>(byte) << shift;
      shift += 8;
    }
    if constexpr (std::is_same_v<Integer, bool>) ok_ = ok_ && sum <= 1;
    value = static_cast<Integer>(sum);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void get(Enum& value) {
    uint8_t number = 0;
    get(number);
    if (number > static_cast<uint8_t>(last_of<Enum>())) {
      ok_ = false;
      return;
    }
    value = static_cast<Enum>(number);
  }
  Bytes take_prefixed() {
    uint32_t size = 0;
    get(size);
    return take(size);
  }
  void get(std::string& text) { text = as_text(take_prefixed()); }
  void get(std::vector<uint8_t>& bytes) {
    const Bytes taken = take_prefixed();
    bytes.assign(taken.begin(), taken.end());
  }
  void get(CarRequest& request) {
    const Bytes taken = take_prefixed();
    if (!ok_) return;
    auto decoded = decode_car_request(taken);
    ok_ = decoded.has_value();
    if (ok_) request = std::move(*decoded);
  }
  void get(KeyHits& hits) { hits.fields(hits, *this); }
  /// Reads the items one by one as far as the bytes go: no memory is allocated for a claimed count.
  template <class Item>
  void get(std::vector<Item>& items) {
    uint32_t count = 0;
    get(count);
    for (; count > 0 && ok_; --count) get(items.emplace_back());
  }
  template <size_t N>
  void get(std::array<uint8_t, N>& bytes) {
    const Bytes taken = take(N);
    if (ok_) std::memcpy(bytes.data(), taken.data(), N);
  }

  Bytes in_;
  bool ok_ = true;
};

template <class Set>
std::vector<uint8_t> encode_frame_of(const Set& message, Carries carries) {
  std::vector<uint8_t> out(kFrameHeadBytes);
  out.push_back(static_cast<uint8_t>(message.index()));
  std::visit([&](const auto& m) { m.fields(m, Writer(out)); }, message);
  const size_t payload = out.size() - kFrameHeadBytes;
  check(payload <= limits::kIpcFrameBytesMax, "a message is larger than a frame may be");
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(payload >> (8 * i));
  out[4] = static_cast<uint8_t>(carries);
  return out;
}

/// Decodes the alternative whose index is the type byte; tries them one by one from I on.
template <class Set, size_t I = 0>
Result<Set> decode_as(Bytes payload) {
  if constexpr (I == std::variant_size_v<Set>) {
    return fail(Errc::kMalformed, "unknown message type");
  } else {
    if (payload[0] != I) return decode_as<Set, I + 1>(payload);
    std::variant_alternative_t<I, Set> message{};
    Reader reader(payload.subspan(1));
    message.fields(message, reader);
    if (!reader.is_whole()) return fail(Errc::kMalformed, "message fields do not fit their type");
    return Set(std::in_place_index<I>, std::move(message));
  }
}

template <class Set>
Result<Set> decode_payload(Bytes payload) {
  if (payload.empty()) return fail(Errc::kMalformed, "empty message");
  return decode_as<Set>(payload);
}

}  // namespace

std::vector<uint8_t> encode_frame(const WorkerToBroker& message, Carries carries) {
  return encode_frame_of(message, carries);
}

std::vector<uint8_t> encode_frame(const BrokerToWorker& message, Carries carries) {
  return encode_frame_of(message, carries);
}

Result<WorkerToBroker> decode_worker_to_broker(Bytes payload) {
  return decode_payload<WorkerToBroker>(payload);
}

Result<BrokerToWorker> decode_broker_to_worker(Bytes payload) {
  return decode_payload<BrokerToWorker>(payload);
}

void FrameReader::append(Bytes bytes) {
  if (at_ > 0) {
    held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(at_));
    at_ = 0;
  }
  held_.insert(held_.end(), bytes.begin(), bytes.end());
}

FrameReader::Event FrameReader::next(Frame& frame) {
  const Bytes rest = Bytes(held_).subspan(at_);
  if (rest.size() < kFrameHeadBytes) return Event::kNeedMore;
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= static_cast<size_t>(rest[i]) << (8 * i);
  if (size > limits::kIpcFrameBytesMax || rest[4] > 1) return Event::kMalformed;
  if (rest.size() - kFrameHeadBytes < size) return Event::kNeedMore;
  frame = {rest.subspan(kFrameHeadBytes, size), rest[4] == 1};
  at_ += kFrameHeadBytes + size;
  return Event::kFrame;
}

}  // namespace daphnis::ipc
