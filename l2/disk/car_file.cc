#include "l2/disk/car_file.h"

#include <algorithm>

#include "common/ipld/car.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kWindowBytes = 256 * limits::kKiB;
/// The window after a body that reached beyond it: the next body probably does too.
constexpr size_t kHeadWindowBytes = 4 * limits::kKiB;

/// One pass over a file. The window is the part of the file that was read last and is not yet used.
class Scan {
 public:
  Scan(const File& file, const std::function<bool(const CarFile::Section&)>& on_section)
      : file_(file), on_section_(on_section), buffer_(kWindowBytes) {}

  Result<CarFile::Contents> run();

 private:
  Result<void> find_extent();
  Result<void> fill();
  Result<void> read_header();
  std::unexpected<Error> no_header(const Error& error);
  Result<void> read_section_here();
  Result<void> pass_padding();
  void pass(uint64_t bytes);

  const File& file_;
  const std::function<bool(const CarFile::Section&)>& on_section_;
  std::vector<uint8_t> buffer_;
  Bytes window_;      // the bytes that are not yet consumed
  uint64_t at_ = 0;   // the window's offset in the file
  uint64_t end_ = 0;  // the end of the CARv1, or of the file where that comes first
  bool is_seeking_ = false;
  size_t odd_in_a_row_ = 0;
  CarFile::Contents contents_;
};

Result<void> Scan::find_extent() {
  const auto stamp = file_.stamp();
  if (!stamp) return std::unexpected(stamp.error());
  const size_t start_size = std::min<uint64_t>(stamp->size, kCarV2HeadBytes);
  const auto got = file_.read_at(0, std::span(buffer_).first(start_size));
  if (!got) return std::unexpected(got.error());
  if (*got < start_size) return fail(Errc::kTruncated, "the file shrank");
  const auto extent = car_extent(Bytes(buffer_).first(start_size), stamp->size);
  if (!extent) return std::unexpected(extent.error());
  at_ = extent->offset;
  end_ = extent->offset + extent->size;
  if (extent->is_cut) contents_.flaws.cut_at = end_;
  return {};
}

/// Reads a new window from offset at_ on.
Result<void> Scan::fill() {
  const size_t most = is_seeking_ ? kHeadWindowBytes : kWindowBytes;
  const size_t size = std::min<uint64_t>(most, end_ - at_);
  const auto got = file_.read_at(at_, std::span(buffer_).first(size));
  if (!got) return std::unexpected(got.error());
  if (*got < size) return fail(Errc::kTruncated, "the file shrank");
  window_ = Bytes(buffer_).first(size);
  is_seeking_ = false;
  return {};
}

void Scan::pass(uint64_t bytes) {
  is_seeking_ = bytes > window_.size();
  window_ = window_.subspan(std::min<uint64_t>(bytes, window_.size()));
  at_ += bytes;
}

Result<void> Scan::read_header() {
  CarReader reader(CarReader::Roots::kKept);
  while (true) {
    if (window_.empty()) {
      if (at_ == end_) return fail(Errc::kTruncated, "the file ends within its header");
      if (auto filled = fill(); !filled) return filled;
    }
    const CarReader::Step step = reader.step(window_);
    pass(step.consumed);
    if (step.event == CarReader::Event::kFailed) {
      return fail(reader.failure().code, std::string(reader.failure().what));
    }
    if (step.event != CarReader::Event::kHeader) continue;
    contents_.roots = reader.roots();
    return {};
  }
}

/// The error, or a better one where the file is recognised as something else.
std::unexpected<Error> Scan::no_header(const Error& error) {
  const auto got = file_.read_at(0, std::span(buffer_).first(kHeadWindowBytes));
  const auto other = got ? what_else_it_is(Bytes(buffer_).first(*got)) : std::nullopt;
  return other ? fail(Errc::kMalformed, "it is " + *other) : std::unexpected(error);
}

/// Passes over the zero bytes that begin here.
Result<void> Scan::pass_padding() {
  const uint64_t begin = at_;
  while (at_ < end_) {
    if (at_ - begin >= limits::kCarPaddingLookedAtBytes) {
      pass(end_ - at_);
      break;
    }
    if (window_.empty()) {
      if (auto filled = fill(); !filled) return filled;
    }
    const auto other = std::ranges::find_if(window_, [](uint8_t byte) { return byte != 0; });
    const bool is_over = other != window_.end();
    pass(static_cast<uint64_t>(other - window_.begin()));
    if (is_over) break;
  }
  contents_.flaws.note(begin, at_ == end_ ? "zero bytes at the end" : "zero bytes between sections",
                       at_ - begin);
  return {};
}

Result<void> Scan::read_section_here() {
  using Kind = CarSection::Kind;
  if (window_.size() < std::min<uint64_t>(kSectionHeadBytesMax, end_ - at_)) {
    if (auto filled = fill(); !filled) return filled;
  }
  const CarSection section = read_car_section(window_, end_ - at_);
  CarFlaws& flaws = contents_.flaws;
  switch (section.kind) {
    case Kind::kPadding:
      return pass_padding();
    case Kind::kBlock:
      odd_in_a_row_ = 0;
      if (!on_section_({section.cid, at_, static_cast<uint32_t>(section.size)})) {
        return fail(Errc::kInvalid, "stopped");
      }
      pass(section.size);
      return {};
    case Kind::kOdd:
      if (++odd_in_a_row_ <= limits::kCarOddSectionsMax) {
        flaws.note(at_, section.why, section.size);
        pass(section.size);
        return {};
      }
      break;
    case Kind::kCut:
      // Behind an odd section this is odd too, and no sign that the file still grows.
      if (odd_in_a_row_ == 0) flaws.cut_at = at_;
      break;
    case Kind::kNoSection:
      break;
  }
  flaws.note(at_, section.why, end_ - at_);
  pass(end_ - at_);
  return {};
}

Result<CarFile::Contents> Scan::run() {
  if (auto found = find_extent(); !found) return std::unexpected(found.error());
  if (auto read = read_header(); !read) return no_header(read.error());
  while (at_ < end_) {
    if (auto read = read_section_here(); !read) return std::unexpected(read.error());
  }
  if (contents_.flaws.cut_at) contents_.flaws.note(*contents_.flaws.cut_at, "the file is cut", 0);
  return std::move(contents_);
}

}  // namespace

Result<CarFile::Contents> CarFile::scan(const File& file,
                                        const std::function<bool(const Section&)>& on_section) {
  return Scan(file, on_section).run();
}

Result<Slice> read_section(const File& file, uint64_t offset, uint32_t size, const Cid& cid) {
  const BufferRef buffer = BufferRef::allocate(size);
  const auto got = file.read_at(offset, {buffer.data(), size});
  if (!got) return std::unexpected(got.error());
  if (*got < size) return fail(Errc::kTruncated, file.name() + " has shrunk");
  const Bytes section{buffer.data(), size};
  const auto length = read_varint(section);
  if (!length || length->value != size - length->size) {
    return fail(Errc::kUnexpected, file.name() + " has changed");
  }
  const auto prefix = Cid::prefix_of(section.subspan(length->size));
  if (!prefix || !prefix->cid.names_same_block(cid)) {
    return fail(Errc::kUnexpected, "another block's section");
  }
  const size_t head = length->size + prefix->size;
  return Slice{buffer, buffer.data() + head, size - head};
}

}  // namespace daphnis::l2
