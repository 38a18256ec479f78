#include "common/cachefile/piece_sums.h"

#include <isa-l/crc.h>

#include <algorithm>

#include "common/base/check.h"

namespace daphnis {
namespace {

constexpr uint32_t kBegin = 0xffffffff;

/// Adds `bytes` to a running CRC, whose final inversion is left to the caller.
uint32_t go_on(uint32_t state, Bytes bytes) {
  constexpr size_t kAtOnce = size_t{1} << 30;  // The library takes the length as an int.
  while (!bytes.empty()) {
    const Bytes part = bytes.first(std::min(bytes.size(), kAtOnce));
    // The library only reads the bytes, although its parameter is not const.
    state = ::crc32_iscsi(const_cast<uint8_t*>(part.data()), static_cast<int>(part.size()), state);
    bytes = bytes.subspan(part.size());
  }
  return state;
}

void put(std::vector<uint8_t>& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

uint32_t number_at(Bytes bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

}  // namespace

uint32_t crc32c(Bytes bytes) {
  return ~go_on(kBegin, bytes);
}

void PieceSummer::add(Bytes bytes) {
  while (!bytes.empty()) {
    const auto left = static_cast<size_t>(kCachePieceBytes - bytes_ % kCachePieceBytes);
    const Bytes part = bytes.first(std::min(bytes.size(), left));
    state_ = go_on(state_, part);
    bytes_ += part.size();
    bytes = bytes.subspan(part.size());
    if (part.size() < left) return;
    sums_.push_back(~state_);
    state_ = kBegin;
  }
}

std::vector<uint8_t> PieceSummer::finish() && {
  if (bytes_ % kCachePieceBytes != 0) sums_.push_back(~state_);
  std::vector<uint8_t> out;
  out.reserve(static_cast<size_t>(piece_sums_bytes(bytes_)));
  for (const uint32_t sum : sums_) put(out, sum);
  put(out, crc32c(out));
  return out;
}

Result<PieceSums> PieceSums::read(Bytes sums, uint64_t body_bytes) {
  if (sums.size() != piece_sums_bytes(body_bytes)) {
    return fail(Errc::kMalformed, "the sums are not as many as the body has pieces");
  }
  const Bytes pieces = sums.first(sums.size() - sizeof(uint32_t));
  if (crc32c(pieces) != number_at(sums.last(sizeof(uint32_t)))) {
    return fail(Errc::kHashMismatch, "the sums' own sum does not hold");
  }
  PieceSums out;
  out.body_bytes_ = body_bytes;
  for (size_t at = 0; at < pieces.size(); at += sizeof(uint32_t)) {
    out.sums_.push_back(number_at(pieces.subspan(at)));
  }
  return out;
}

PieceSums::Span PieceSums::around(uint64_t offset, uint64_t size) const {
  check(size > 0 && offset < body_bytes_ && size <= body_bytes_ - offset,
        "a part to be checked lies outside its body");
  const uint64_t begin = offset - offset % kCachePieceBytes;
  const uint64_t end = std::min(pieces_of(offset + size) * kCachePieceBytes, body_bytes_);
  return {.offset = begin, .size = static_cast<size_t>(end - begin)};
}

bool PieceSums::hold(uint64_t offset, Bytes bytes) const {
  for (size_t piece = offset / kCachePieceBytes; !bytes.empty(); ++piece) {
    const Bytes part = bytes.first(std::min(bytes.size(), kCachePieceBytes));
    if (piece >= sums_.size() || crc32c(part) != sums_[piece]) return false;
    bytes = bytes.subspan(part.size());
  }
  return true;
}

}  // namespace daphnis
