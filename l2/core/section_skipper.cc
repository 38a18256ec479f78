#include "l2/core/section_skipper.h"

#include "common/base/check.h"

namespace daphnis::l2 {

void SectionSkipper::pass(const Slices& in, Slices& out) {
  for (const Slice& slice : in) {
    size_t at = 0;
    while (at < slice.size && !is_passing_) {
      const CarReader::Step step = reader_.step(slice.bytes().subspan(at));
      check(step.event != CarReader::Event::kFailed, "a CAR of our own is malformed");
      if (is_in_header_) out.push_back(slice.part(at, step.consumed));
      at += step.consumed;
      if (step.event == CarReader::Event::kHeader) is_in_header_ = false;
      if (step.event == CarReader::Event::kSectionEnd) is_passing_ = --left_ == 0;
    }
    if (at < slice.size) out.push_back(slice.part(at, slice.size - at));
  }
}

}  // namespace daphnis::l2
