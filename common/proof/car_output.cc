#include "common/proof/car_output.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace daphnis {
namespace {

constexpr size_t kHeadsBufferBytes = 4 * limits::kKiB;
static_assert(kHeadsBufferBytes >= kCarHeaderWrittenMax);

}  // namespace

void CarOutput::Sink::append(Slice slice) {
  if (slice.size == 0) return;
  if (out.size() > begin) {
    Slice& last = out.back();
    if (last.data + last.size == slice.data && last.buffer && slice.buffer &&
        last.buffer.data() == slice.buffer.data()) {
      last.size += slice.size;
      return;
    }
  }
  out.push_back(std::move(slice));
}

bool CarOutput::fits(size_t block_size) const {
  const uint64_t added = kCarHeaderWrittenMax + kSectionHeadBytesMax + block_size;
  return bytes_ <= bytes_max_ && added <= bytes_max_ - bytes_;
}

void CarOutput::put_slice(Slice slice, Sink& sink) {
  bytes_ += slice.size;
  sink.append(std::move(slice));
}

void CarOutput::put_copy(Bytes bytes, Sink& sink) {
  if (!heads_.buffer || heads_.buffer.capacity() - heads_.used < bytes.size()) {
    heads_.buffer = BufferRef::allocate(kHeadsBufferBytes);
    heads_.used = 0;
  }
  uint8_t* at = heads_.buffer.data() + heads_.used;
  std::memcpy(at, bytes.data(), bytes.size());
  heads_.used += bytes.size();
  put_slice({heads_.buffer, at, bytes.size()}, sink);
}

void CarOutput::put_header(Sink& sink) {
  begun_ = true;
  if (format_ == AnswerFormat::kRaw) return;
  std::array<uint8_t, kCarHeaderWrittenMax> header;
  put_copy(Bytes(header).first(write_car_header(root_, header)), sink);
}

void CarOutput::put(const Head& head, std::span<const Slice> block, const Slice& as_it_came,
                    Sink& sink) {
  if (!begun_) put_header(sink);
  if (format_ == AnswerFormat::kCar) {
    const Bytes ours = Bytes(head.bytes).first(head.size);
    if (std::ranges::equal(ours, as_it_came.bytes())) {
      put_slice(as_it_came, sink);
    } else {
      put_copy(ours, sink);
    }
  }
  for (const Slice& slice : block) put_slice(slice, sink);
}

void CarOutput::finish(Sink& sink) {
  if (begun_) return;
  put_header(sink);
  if (format_ == AnswerFormat::kRaw && root_.is_identity()) {
    if (!root_.digest().empty()) put_copy(root_.digest(), sink);
  }
}

std::optional<Error> refusal_before_output(const Walk& walk) {
  switch (walk.outcome()) {
    case Walk::Outcome::kFound:
      return std::nullopt;
    case Walk::Outcome::kMissing:
      return Error{Errc::kNotFound, 0, "the path does not exist below the root"};
    case Walk::Outcome::kNotALink:
      return Error{Errc::kInvalid, 0, "the path ends at a value inside a block, not at a link"};
  }
  return std::nullopt;
}

}  // namespace daphnis
