#include "common/ipc/ipc_codec.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "common/base/check.h"
#include "common/request/skip.h"

namespace daphnis::ipc {
namespace {

template <class Enum>
constexpr Enum last_of();
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
constexpr BlockFile last_of() {
  return kBlockFileLast;
}
template <>
constexpr CacheFaultKind last_of() {
  return kCacheFaultKindLast;
}
template <>
constexpr DirectSays last_of() {
  return kDirectSaysLast;
}
template <>
constexpr StreamShape last_of() {
  return StreamShape::kWholeDag;
}

bool is_sound(const Resume& resume) {
  if (resume.skip == 0) return resume.next.empty();
  return resume.skip <= kSkipBlocksMax && Cid::from_bytes(resume.next).has_value();
}

class Writer {
 public:
  Writer(std::vector<uint8_t>& out, uint16_t version) : out_(out), version_(version) {}

  void operator()(const auto&... fields) { (put(fields), ...); }
  /// Fields that no version before `first` has.
  void since(uint16_t first, const auto&... fields) {
    if (version_ >= first) (put(fields), ...);
  }
  /// An outcome of this list.
  void one_of(const auto& list, Outcome outcome) {
    put(static_cast<uint8_t>(place_in(list, outcome_in(version_, outcome))));
  }
  /// The version of all that follows.
  void use(uint16_t version) { version_ = version; }

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
  void put(const Resume& resume) { resume.fields(resume, *this); }
  void put(const DenylistPlace& place) { place.fields(place, *this); }
  void put(const DeniedBy& by) { by.fields(by, *this); }
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
  uint16_t version_;
};

/// Reads fields one after the other; after the first fault every further read does nothing.
class Reader {
 public:
  Reader(Bytes in, uint16_t version) : in_(in), version_(version) {}

  void operator()(auto&... fields) { (get(fields), ...); }
  /// Fields that no version before `first` has.
  void since(uint16_t first, auto&... fields) {
    if (version_ >= first) (get(fields), ...);
  }
  /// An outcome of this list.
  void one_of(const auto& list, Outcome& outcome) {
    uint8_t place = 0;
    get(place);
    ok_ = ok_ && place < list.size();
    if (ok_) outcome = list[place];
    ok_ = ok_ && outcome_in(version_, outcome) == outcome;
  }
  /// The version of all that follows.
  void use(uint16_t version) { version_ = version; }
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
  void get(DenylistPlace& place) { place.fields(place, *this); }
  void get(DeniedBy& by) { by.fields(by, *this); }
  void get(Resume& resume) {
    resume.fields(resume, *this);
    ok_ = ok_ && is_sound(resume);
  }
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
  uint16_t version_;
  bool ok_ = true;
};

template <class Set>
std::vector<uint8_t> encode_as(const typename Set::Variant& message, Carries carries,
                               uint16_t version) {
  check(version >= Set::kSince[message.index()], "a message goes to a peer that does not know it");
  std::vector<uint8_t> out(kFrameHeadBytes);
  out.push_back(Set::kNumbers[message.index()]);
  std::visit([&](const auto& m) { m.fields(m, Writer(out, version)); }, message);
  const size_t payload = out.size() - kFrameHeadBytes;
  check(payload <= limits::kIpcFrameBytesMax, "a message is larger than a frame may be");
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(payload >> (8 * i));
  out[4] = static_cast<uint8_t>(carries);
  return out;
}

/// Decodes the message whose number the payload begins with; tries them one by one from I on.
template <class Set, size_t I = 0>
Result<typename Set::Variant> decode_as(Bytes payload, uint16_t version) {
  if constexpr (I == Set::kNumbers.size()) {
    return fail(Errc::kMalformed, "unknown message number");
  } else {
    if (payload.empty()) return fail(Errc::kMalformed, "empty message");
    const bool is_it = payload[0] == Set::kNumbers[I] && version >= Set::kSince[I];
    if (!is_it) return decode_as<Set, I + 1>(payload, version);
    std::variant_alternative_t<I, typename Set::Variant> message{};
    Reader reader(payload.subspan(1), version);
    message.fields(message, reader);
    if (!reader.is_whole()) return fail(Errc::kMalformed, "message fields do not fit their type");
    return typename Set::Variant(std::in_place_index<I>, std::move(message));
  }
}

}  // namespace

void Codec::note(const BrokerToWorker& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) version_ = welcome->version;
}

bool Codec::has(const WorkerToBroker& message) const {
  return version_ >= WorkerMessages::kSince[message.index()];
}

bool Codec::has(const BrokerToWorker& message) const {
  return version_ >= BrokerMessages::kSince[message.index()];
}

std::vector<uint8_t> Codec::encode(const WorkerToBroker& message, Carries carries) const {
  return encode_as<WorkerMessages>(message, carries, version_);
}

std::vector<uint8_t> Codec::encode(const BrokerToWorker& message, Carries carries) {
  note(message);
  return encode_as<BrokerMessages>(message, carries, version_);
}

Result<WorkerToBroker> Codec::decode_worker_to_broker(Bytes payload) const {
  return decode_as<WorkerMessages>(payload, version_);
}

Result<BrokerToWorker> Codec::decode_broker_to_worker(Bytes payload) {
  auto message = decode_as<BrokerMessages>(payload, version_);
  if (message) note(*message);
  return message;
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
