#include "broker/cache/scrub.h"

#include <algorithm>
#include <cstring>

namespace daphnis::broker {

CachedFileProof::CachedFileProof(CacheTrailer trailer, uint64_t body_bytes)
    : request_(std::move(trailer.request)),
      body_bytes_(body_bytes),
      blocks_(std::move(trailer.blocks)),
      sums_(std::move(trailer.sums)) {}

Result<CachedFileProof> CachedFileProof::begin(Bytes trailer, const CacheFooter& footer,
                                               const RequestKey& key) {
  auto read = read_cache_trailer(trailer, footer);
  if (!read) return std::unexpected(read.error());
  if (key_of(read->request) != key) return fail(Errc::kUnexpected, "it answers another request");
  CachedFileProof proof(std::move(*read), footer.body_bytes);
  if (proof.request_.format == AnswerFormat::kCar) {
    proof.verifier_ = std::make_unique<Verifier>(proof.request_, StreamShape::kExact);
    return proof;
  }
  if (!Hasher::can_verify(proof.request_.root)) {
    return fail(Errc::kUnsupported, "a block whose hash cannot be computed");
  }
  proof.hasher_.reset(proof.request_.root.hash_code());
  for (const CachedBlock& block : proof.blocks_) {
    if (block.cid.names_same_block(proof.request_.root) && block.offset == 0 &&
        block.size == footer.body_bytes) {
      continue;
    }
    return fail(Errc::kUnexpected, "the list names a block that is not the body");
  }
  return proof;
}

Result<void> CachedFileProof::on_body(const Slice& bytes) {
  if (sums_) summer_.add(bytes.bytes());
  if (verifier_) return on_car(bytes);
  hasher_.update(bytes.bytes());
  return {};
}

Result<void> CachedFileProof::on_car(const Slice& bytes) {
  if (auto listed = check_list(bytes.bytes()); !listed) return listed;
  unproven_.push_back(bytes);
  Slices output;
  verifier_->on_bytes(bytes, output);
  if (auto same = compare(output); !same) return same;
  while (verifier_->has_more_output()) {
    output.clear();
    verifier_->resume(output);
    if (auto same = compare(output); !same) return same;
  }
  if (verifier_->state() == Verifier::State::kFailed) return std::unexpected(verifier_->failure());
  return {};
}

Result<void> CachedFileProof::check_list(Bytes bytes) {
  while (!bytes.empty() && blocks_seen_ < blocks_.size()) {
    const CarReader::Step step = reader_.step(bytes);
    position_ += step.consumed;
    bytes = bytes.subspan(step.consumed);
    if (step.event == CarReader::Event::kFailed) {
      return fail(reader_.failure().code, std::string(reader_.failure().what));
    }
    if (step.event != CarReader::Event::kSection) continue;
    const CachedBlock& listed = blocks_[blocks_seen_];
    if (position_ < listed.offset) continue;  // The list does not have this section.
    if (position_ != listed.offset || reader_.body_size() != listed.size ||
        !reader_.cid().names_same_block(listed.cid)) {
      return fail(Errc::kUnexpected, "a block does not lie where the list says");
    }
    ++blocks_seen_;
  }
  return {};
}

Result<void> CachedFileProof::compare(const Slices& output) {
  for (const Slice& slice : output) {
    Bytes left = slice.bytes();
    while (!left.empty()) {
      if (unproven_.empty()) return fail(Errc::kTruncated, "the body lacks part of the answer");
      Slice& came = unproven_.front();
      const size_t size = std::min(left.size(), came.size);
      // The output mostly is a slice of the body itself, which needs no comparison.
      if (left.data() != came.data && std::memcmp(left.data(), came.data, size) != 0) {
        return fail(Errc::kUnexpected, "the body is not as we write it");
      }
      left = left.subspan(size);
      if (size == came.size) {
        unproven_.pop_front();
      } else {
        came = came.part(size, came.size - size);
      }
    }
  }
  return {};
}

Result<void> CachedFileProof::on_end() {
  if (auto proven = on_body_end(); !proven) return proven;
  if (!sums_ || PieceSums::read(std::move(summer_).finish(), body_bytes_) == *sums_) return {};
  return fail(Errc::kHashMismatch, "the sums of the pieces do not hold");
}

Result<void> CachedFileProof::on_body_end() {
  if (!verifier_) {
    if (hasher_.finish_matches(request_.root.digest())) return {};
    return fail(Errc::kHashMismatch, "the block's hash does not hold");
  }
  Slices output;
  verifier_->on_end(output);
  if (auto same = compare(output); !same) return same;
  while (verifier_->has_more_output()) {
    output.clear();
    verifier_->resume(output);
    if (auto same = compare(output); !same) return same;
  }
  if (verifier_->state() != Verifier::State::kComplete) {
    return std::unexpected(verifier_->failure());
  }
  if (!unproven_.empty()) return fail(Errc::kUnexpected, "bytes follow the answer's end");
  if (blocks_seen_ != blocks_.size()) {
    return fail(Errc::kUnexpected, "a listed block is not in the body");
  }
  return {};
}

}  // namespace daphnis::broker
