#include "l2/disk/block_input.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/ipld/car.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kInputWindowBytes = 256 * limits::kKiB;
/// Bytes of the start that are enough to tell an error's text from a CAR.
constexpr size_t kSniffBytes = 512;

/// Why the block is not the one that the CID names; nullopt: it is.
std::optional<Error> disproof(Hasher& hasher, const Cid& cid, Bytes block) {
  if (!Hasher::can_verify(cid, Sha1::kAllowed)) {
    return Error{Errc::kUnsupported, 0, "the hash of block " + cid.text() + " is not supported"};
  }
  if (hasher.matches(cid, block, Sha1::kAllowed)) return std::nullopt;
  return Error{Errc::kHashMismatch, 0, "block " + cid.text() + " is not what its hash says"};
}

/// The number of zero bytes that `bytes` begins with.
uint64_t zeros_at(Bytes bytes) {
  const auto other = std::ranges::find_if(bytes, [](uint8_t byte) { return byte != 0; });
  return static_cast<uint64_t>(other - bytes.begin());
}

}  // namespace

Result<std::unique_ptr<BlockInput>> IndexedInput::open(const std::string& path) {
  auto file = File::open_to_read(path);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<IndexedInput> input(new IndexedInput(std::move(*file)));
  auto contents = CarFile::scan(input->file_, [&input](const CarFile::Section& section) {
    const BlockIndex::Entry entry =
        BlockIndex::entry_of(section.cid, {0, section.offset, section.size});
    input->index_.add({&entry, 1});
    return true;
  });
  if (!contents) return fail(contents.error().code, path + ": " + contents.error().detail);
  input->contents_ = std::move(*contents);
  return input;
}

Result<Slice> IndexedInput::get(const Cid& cid) {
  if (cid.is_identity()) return Slice::copy_of(cid.digest());
  std::optional<Error> fault;
  for (const BlockIndex::Candidate& candidate : index_.find(cid, BlockIndex::kCopiesTriedMax)) {
    auto block = read_section(file_, candidate.place.offset, candidate.place.size, cid);
    if (!block) continue;
    fault = disproof(hasher_, cid, block->bytes());
    if (!fault) return block;
  }
  if (fault) return std::unexpected(*fault);
  const char* is_cut = flaws().cut_at ? ", which is cut" : "";
  return fail(Errc::kNotFound,
              "block " + cid.text() + " is not in the CAR" + is_cut + ": it is incomplete");
}

StreamInput::StreamInput(File file) : file_(std::move(file)), buffer_(kInputWindowBytes) {}

Result<std::unique_ptr<BlockInput>> StreamInput::open(File file) {
  std::unique_ptr<StreamInput> input(new StreamInput(std::move(file)));
  if (auto filled = input->fill(kSniffBytes); !filled) return std::unexpected(filled.error());
  const auto other =
      what_else_it_is(input->window_.first(std::min(input->window_.size(), kSniffBytes)));
  auto header = input->read_header();
  if (header) return input;
  if (other) return fail(Errc::kMalformed, input->file_.name() + " is " + *other);
  if (header.error().code == Errc::kUnsupported) {
    return fail(Errc::kUnsupported,
                "only version 1 can be read as a stream: save the CAR to a file");
  }
  return std::unexpected(header.error());
}

Result<void> StreamInput::read_header() {
  CarReader reader(CarReader::Roots::kKept);
  while (true) {
    if (auto filled = fill(1); !filled) return filled;
    if (window_.empty()) {
      return fail(Errc::kTruncated,
                  file_.name() + (at_ == 0 ? " is empty" : " ends in its header"));
    }
    const CarReader::Step step = reader.step(window_);
    consume(step.consumed);
    if (step.event == CarReader::Event::kFailed) {
      return fail(reader.failure().code, file_.name() + ": " + std::string(reader.failure().what));
    }
    if (step.event != CarReader::Event::kHeader) continue;
    roots_ = reader.roots();
    return {};
  }
}

Result<void> StreamInput::fill(size_t wanted) {
  if (window_.size() >= wanted || is_end_) return {};
  if (!window_.empty()) std::memmove(buffer_.data(), window_.data(), window_.size());
  size_t held = window_.size();
  while (held < wanted && !is_end_) {
    const auto got = file_.read_some(std::span(buffer_).subspan(held));
    if (!got) return std::unexpected(got.error());
    held += *got;
    is_end_ = *got == 0;
  }
  window_ = Bytes(buffer_).first(held);
  return {};
}

void StreamInput::consume(size_t bytes) {
  window_ = window_.subspan(bytes);
  at_ += bytes;
}

Result<size_t> StreamInput::take(uint64_t size, uint8_t* out) {
  uint64_t done = 0;
  while (done < size) {
    if (auto filled = fill(1); !filled) return std::unexpected(filled.error());
    if (window_.empty()) break;
    const auto part = static_cast<size_t>(std::min<uint64_t>(window_.size(), size - done));
    if (out) std::memcpy(out + done, window_.data(), part);
    consume(part);
    done += part;
  }
  return done;
}

Result<bool> StreamInput::peek() {
  using Kind = CarSection::Kind;
  while (!next_) {
    if (auto filled = fill(kSectionHeadBytesMax); !filled) return std::unexpected(filled.error());
    if (window_.empty()) return false;
    const uint64_t begin = at_;
    const CarSection section = read_car_section(window_, is_end_ ? window_.size() : UINT64_MAX);
    if (section.kind == Kind::kBlock && !section.cid.is_identity()) {
      next_ = section;
      was_odd_ = false;
      break;
    }
    const bool is_last = section.kind == Kind::kCut || section.kind == Kind::kNoSection;
    const bool is_padding = section.kind == Kind::kPadding;
    const uint64_t size = is_last ? UINT64_MAX : is_padding ? zeros_at(window_) : section.size;
    const auto passed = take(size, nullptr);
    if (!passed) return std::unexpected(passed.error());
    const bool is_cut = section.kind == Kind::kCut || (!is_last && *passed < size);
    if (is_cut && !was_odd_) flaws_.cut_at = begin;
    was_odd_ = section.kind == Kind::kOdd;
    if (section.kind == Kind::kBlock) continue;  // An identity CID holds its block's bytes.
    flaws_.note(begin, is_padding ? "zero bytes" : section.why, *passed);
  }
  return true;
}

Result<Slice> StreamInput::take_body() {
  const CarSection section = *std::exchange(next_, std::nullopt);
  const uint64_t begin = at_;
  consume(section.head_size);
  const size_t size = section.size - section.head_size;
  const BufferRef buffer = BufferRef::allocate(size);
  const auto got = take(size, buffer.data());
  if (!got) return std::unexpected(got.error());
  if (*got == size) return Slice{buffer, buffer.data(), size};
  flaws_.cut_at = begin;
  flaws_.note(begin, "the end cuts a block", at_ - begin);
  return fail(Errc::kTruncated, file_.name() + " ends in the middle of a block");
}

std::string StreamInput::why_missing(const Cid& cid) const {
  const std::string block = "block " + cid.text();
  if (next_) return block + " is not next in the stream: save the CAR to a file and unpack that";
  if (flaws_.cut_at) return file_.name() + " ends in the middle of a block";
  return block + " is missing: the CAR is incomplete";
}

Result<Slice> StreamInput::get(const Cid& cid) {
  if (cid.is_identity()) return Slice::copy_of(cid.digest());
  const auto is_there = peek();
  if (!is_there) return std::unexpected(is_there.error());
  if (!*is_there || !next_->cid.names_same_block(cid)) {
    return fail(Errc::kNotFound, why_missing(cid));
  }
  auto block = take_body();
  if (!block) return block;
  if (auto fault = disproof(hasher_, cid, block->bytes())) return std::unexpected(*fault);
  return block;
}

Result<uint64_t> StreamInput::finish() {
  uint64_t left_over = 0;
  while (true) {
    const auto is_there = peek();
    if (!is_there) return std::unexpected(is_there.error());
    if (!*is_there) return left_over;
    const auto body = take_body();
    if (!body && flaws_.cut_at) return left_over;
    if (!body) return std::unexpected(body.error());
    ++left_over;
  }
}

}  // namespace daphnis::l2
