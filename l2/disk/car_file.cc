#include "l2/disk/car_file.h"

#include <algorithm>

#include "common/core/car.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kWindowBytes = 256 * limits::kKiB;
/// After a body that reached beyond the window: the next one probably does too.
constexpr size_t kHeadWindowBytes = 4 * limits::kKiB;

/// One pass over a file. The window is the part of the file that was read last.
class Scan {
 public:
  explicit Scan(const File& file) : file_(file), buffer_(kWindowBytes) {}

  Result<std::vector<Cid>> run(const std::function<bool(const CarFile::Section&)>& on_section);

 private:
  Result<void> find_extent();
  Result<void> fill();

  const File& file_;
  CarReader reader_{CarReader::Roots::kKept};
  std::vector<uint8_t> buffer_;
  Bytes window_;      // not yet consumed
  uint64_t at_ = 0;   // the window's place in the file
  uint64_t end_ = 0;  // of the CARv1
  bool is_seeking_ = false;
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
  return {};
}

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

Result<std::vector<Cid>> Scan::run(const std::function<bool(const CarFile::Section&)>& on_section) {
  if (auto found = find_extent(); !found) return std::unexpected(found.error());
  uint64_t section_at = at_;
  while (true) {
    if (window_.empty()) {
      if (at_ == end_) break;
      if (auto filled = fill(); !filled) return std::unexpected(filled.error());
    }
    if (reader_.may_end_here()) section_at = at_;
    const CarReader::Step step = reader_.step(window_);
    window_ = window_.subspan(step.consumed);
    at_ += step.consumed;
    if (step.event == CarReader::Event::kFailed) {
      return fail(reader_.failure().code, std::string(reader_.failure().what));
    }
    if (step.event != CarReader::Event::kSection) continue;
    const uint64_t body = reader_.body_size();
    if (body > end_ - at_) return fail(Errc::kTruncated, "the last block is cut");
    reader_.skip_body();
    is_seeking_ = body > window_.size();
    window_ = window_.subspan(std::min<uint64_t>(body, window_.size()));
    at_ += body;
    if (!on_section({reader_.cid(), section_at, static_cast<uint32_t>(at_ - section_at)})) {
      return fail(Errc::kInvalid, "stopped");
    }
  }
  if (!reader_.may_end_here()) return fail(Errc::kTruncated, "the file ends within a block");
  return reader_.roots();
}

}  // namespace

Result<std::vector<Cid>> CarFile::scan(const File& file,
                                       const std::function<bool(const Section&)>& on_section) {
  return Scan(file).run(on_section);
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
