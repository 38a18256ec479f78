#include "common/ipld/car.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace daphnis {

std::string_view why_no_cid(Errc code) {
  switch (code) {
    case Errc::kTruncated:
      return "a section ends inside its CID";
    case Errc::kTooLarge:
      return "a section's CID has too long a digest";
    case Errc::kUnsupported:
      return "a section's CID has an unknown version";
    default:
      return "a section's CID is malformed";
  }
}

CarReader::Step CarReader::step(Bytes offered) {
  switch (state_) {
    case State::kHeaderLength:
      return read_header_length(offered);
    case State::kHeader:
      return read_header(offered);
    case State::kLength:
      return read_length(offered);
    case State::kCid:
      return read_cid(offered);
    case State::kBody:
      return read_body(offered);
    case State::kFailed:
      break;
  }
  return {Event::kFailed, 0};
}

CarReader::Step CarReader::fail_with(Errc code, std::string_view what) {
  state_ = State::kFailed;
  failure_ = {code, what};
  header_ = {};
  roots_ = {};
  return {Event::kFailed, 0};
}

std::expected<size_t, Errc> CarReader::take_length(Bytes offered) {
  const size_t held = head_size_;
  if (held == 0) {
    const auto length = read_varint(offered);
    if (length) {
      section_size_ = length->value;
      return length->size;
    }
    if (length.error() != Errc::kTruncated) return std::unexpected(length.error());
  }
  // The offer's end cuts the number: its bytes are gathered in head_, at most kVarintBytesMax.
  const size_t taken = std::min(offered.size(), kVarintBytesMax - held);
  std::copy_n(offered.begin(), taken, head_.begin() + static_cast<ptrdiff_t>(held));
  const auto length = read_varint(Bytes(head_).first(held + taken));
  if (length) {
    section_size_ = length->value;
    head_size_ = 0;
    return length->size - held;
  }
  if (length.error() == Errc::kTruncated) head_size_ = static_cast<uint8_t>(held + taken);
  return std::unexpected(length.error());
}

CarReader::Step CarReader::read_header_length(Bytes offered) {
  const auto taken = take_length(offered);
  if (!taken) {
    if (taken.error() == Errc::kTruncated) return {Event::kNeedMore, offered.size()};
    return fail_with(Errc::kMalformed, "the CAR header's length is malformed");
  }
  if (section_size_ == 0) return fail_with(Errc::kMalformed, "the CAR header is empty");
  if (section_size_ > limits::kCarHeaderBytesMax) {
    return fail_with(Errc::kTooLarge, "the CAR header is too large");
  }
  state_ = State::kHeader;
  Step step = read_header(offered.subspan(*taken));
  if (step.event != Event::kFailed) step.consumed += *taken;
  return step;
}

CarReader::Step CarReader::read_header(Bytes offered) {
  const auto size = static_cast<size_t>(section_size_);
  const size_t taken = std::min(offered.size(), size - header_.size());
  Bytes header = offered.first(taken);
  if (taken < size) {  // cut by the offer's end: header_ grows with the bytes that came, no faster
    header_.insert(header_.end(), header.begin(), header.end());
    header = header_;
  }
  if (header.size() < size) return {Event::kNeedMore, taken};
  const auto read = read_car_header(header, keeps_roots_ ? &roots_ : nullptr);
  if (!read) return fail_with(read.error().code, read.error().what);
  header_ = {};
  state_ = State::kLength;
  return {Event::kHeader, taken};
}

CarReader::Step CarReader::read_length(Bytes offered) {
  const auto taken = take_length(offered);
  if (!taken) {
    if (taken.error() == Errc::kTruncated) return {Event::kNeedMore, offered.size()};
    return fail_with(Errc::kMalformed, "a section's length is malformed");
  }
  if (section_size_ == 0) return fail_with(Errc::kMalformed, "a section is empty");
  if (section_size_ > limits::kCidBytesMax + block_bytes_max_) {
    return fail_with(Errc::kTooLarge, "a section is too large");
  }
  state_ = State::kCid;
  Step step = read_cid(offered.subspan(*taken));
  if (step.event != Event::kFailed) step.consumed += *taken;
  return step;
}

CarReader::Step CarReader::read_cid(Bytes offered) {
  const size_t held = head_size_;
  const size_t end = std::min(static_cast<size_t>(section_size_), head_.size());
  const size_t usable = std::min(offered.size(), end - held);
  Bytes head = offered.first(usable);
  if (held > 0) {
    std::copy_n(offered.begin(), usable, head_.begin() + static_cast<ptrdiff_t>(held));
    head = Bytes(head_).first(held + usable);
  }
  const auto prefix = Cid::prefix_of(head);
  if (!prefix) {
    if (prefix.error() != Errc::kTruncated || head.size() == end) {
      const Errc code = prefix.error() == Errc::kTruncated ? Errc::kMalformed : prefix.error();
      return fail_with(code, why_no_cid(prefix.error()));
    }
    if (held == 0) std::copy(head.begin(), head.end(), head_.begin());
    head_size_ = static_cast<uint8_t>(head.size());
    return {Event::kNeedMore, offered.size()};
  }
  body_size_ = static_cast<size_t>(section_size_) - prefix->size;
  if (body_size_ > block_bytes_max_) {
    return fail_with(Errc::kTooLarge, "a block is too large");
  }
  cid_ = prefix->cid;
  body_left_ = body_size_;
  head_size_ = 0;
  state_ = State::kBody;
  return {Event::kSection, prefix->size - held};
}

CarReader::Step CarReader::read_body(Bytes offered) {
  if (body_left_ == 0) {
    state_ = State::kLength;
    return {Event::kSectionEnd, 0};
  }
  const size_t taken = std::min(offered.size(), body_left_);
  if (taken == 0) return {Event::kNeedMore, 0};
  body_left_ -= taken;
  return {Event::kBody, taken, offered.first(taken)};
}

void CarReader::skip_body() {
  check(state_ == State::kBody && body_left_ == body_size_, "no body to skip here");
  state_ = State::kLength;
}

}  // namespace daphnis
