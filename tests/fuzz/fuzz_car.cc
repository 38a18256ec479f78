#include <algorithm>
#include <array>
#include <vector>

#include "common/base/check.h"
#include "common/ipld/car.h"

namespace {

using namespace daphnis;

struct Reading {
  std::vector<uint8_t> rewritten;  // what was read, written again, without the header
  size_t headers = 0;
  size_t sections = 0;
  bool has_failed = false;
  bool may_end = false;
  Errc code = Errc::kInvalid;

  bool operator==(const Reading&) const = default;
};

void take(CarReader& reader, Bytes part, Reading& reading) {
  while (!reading.has_failed) {
    const CarReader::Step step = reader.step(part);
    check(step.consumed <= part.size() && step.body.size() <= step.consumed, "past the offer");
    part = part.subspan(step.consumed);
    switch (step.event) {
      case CarReader::Event::kNeedMore:
        check(part.empty(), "bytes left over");
        return;
      case CarReader::Event::kHeader:
        ++reading.headers;
        break;
      case CarReader::Event::kSection: {
        check(reader.body_size() <= limits::kBlockBytesMax, "too large a block");
        std::array<uint8_t, kSectionHeadBytesMax> head;
        const size_t size = write_section_head(reader.cid(), reader.body_size(), head);
        reading.rewritten.insert(reading.rewritten.end(), head.begin(),
                                 head.begin() + static_cast<ptrdiff_t>(size));
        ++reading.sections;
        break;
      }
      case CarReader::Event::kBody:
        check(!step.body.empty(), "an empty part");
        reading.rewritten.insert(reading.rewritten.end(), step.body.begin(), step.body.end());
        break;
      case CarReader::Event::kSectionEnd:
        break;
      case CarReader::Event::kFailed:
        reading.has_failed = true;
        reading.code = reader.failure().code;
        break;
    }
  }
}

Reading read(Bytes bytes, size_t part_size) {
  CarReader reader(CarReader::Roots::kKept);
  Reading reading;
  do {
    const Bytes part = bytes.first(std::min(part_size, bytes.size()));
    take(reader, part, reading);
    bytes = bytes.subspan(part.size());
  } while (!bytes.empty());
  reading.may_end = reader.may_end_here();
  return reading;
}

}  // namespace

// Input: one byte, the size of the parts of the second reading; then a stream.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Bytes bytes(data + 1, size - 1);
  const Reading whole = read(bytes, bytes.size());
  check(whole == read(bytes, 1 + size_t{data[0]}), "another split, another reading");
  check(whole.headers <= 1 && (whole.headers == 1 || whole.sections == 0), "no header first");
  if (whole.may_end) {
    const Bytes tail = bytes.last(whole.rewritten.size());
    check(std::ranges::equal(tail, whole.rewritten), "sections have more than one form");
  }
  const uint64_t file_size = bytes.size();
  const auto extent = car_extent(bytes.first(std::min(bytes.size(), kCarV2HeadBytes)), file_size);
  if (extent) {
    check(extent->size > 0 && extent->offset < file_size, "an empty payload");
    check(extent->size <= file_size - extent->offset, "a payload past the end");
  }
  return 0;
}
