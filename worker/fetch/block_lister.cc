#include "worker/fetch/block_lister.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/ipld/hashes.h"

namespace daphnis::worker {

void BlockLister::on_bytes(Bytes bytes) {
  trailer_.add_body(bytes);
  if (request_.format == AnswerFormat::kRaw) {
    bytes_ += bytes.size();
    return;
  }
  while (!bytes.empty()) {
    const auto skipped = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
    skip_ -= skipped;
    bytes_ += skipped;
    bytes = bytes.subspan(skipped);
    if (bytes.empty()) return;
    const CarReader::Step step = reader_.step(bytes);
    check(step.event != CarReader::Event::kFailed, "a proven answer is no CAR");
    bytes_ += step.consumed;
    bytes = bytes.subspan(step.consumed);
    if (step.event != CarReader::Event::kSection) continue;
    has_forgeable_ |= is_forgeable(reader_.cid());
    trailer_.add_block(reader_.cid(), bytes_, static_cast<uint32_t>(reader_.body_size()));
    skip_ = reader_.body_size();
    reader_.skip_body();
  }
}

std::vector<uint8_t> BlockLister::finish() && {
  if (request_.format == AnswerFormat::kRaw) {
    trailer_.add_block(request_.root, 0, static_cast<uint32_t>(bytes_));
  }
  return std::move(trailer_).finish(request_);
}

}  // namespace daphnis::worker
