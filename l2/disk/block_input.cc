#include "l2/disk/block_input.h"

#include <cstring>

#include "l2/disk/car_file.h"

namespace daphnis::l2 {
namespace {

constexpr size_t kWindowBytes = 256 * limits::kKiB;
constexpr size_t kCandidatesMax = 8;

/// nullopt: the block is what its CID says.
std::optional<Error> disproof(Hasher& hasher, const Cid& cid, Bytes block) {
  if (!Hasher::can_verify(cid)) {
    return Error{Errc::kUnsupported, 0, "the hash of block " + cid.text() + " is not supported"};
  }
  if (hasher.matches(cid, block)) return std::nullopt;
  return Error{Errc::kHashMismatch, 0, "block " + cid.text() + " is not what its hash says"};
}

}  // namespace

Result<std::unique_ptr<BlockInput>> IndexedInput::open(const std::string& path) {
  auto file = File::open_to_read(path);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<IndexedInput> input(new IndexedInput(std::move(*file)));
  auto roots = CarFile::scan(input->file_, [&input](const CarFile::Section& section) {
    const BlockIndex::Entry entry =
        BlockIndex::entry_of(section.cid, {0, section.offset, section.size});
    input->index_.add({&entry, 1});
    return true;
  });
  if (!roots) return fail(roots.error().code, path + ": " + roots.error().detail);
  input->roots_ = std::move(*roots);
  return input;
}

Result<Slice> IndexedInput::get(const Cid& cid) {
  if (cid.is_identity()) return Slice::copy_of(cid.digest());
  std::optional<Error> fault;
  for (const BlockIndex::Candidate& candidate : index_.find(cid, kCandidatesMax)) {
    auto block = read_section(file_, candidate.place.offset, candidate.place.size, cid);
    if (!block) continue;
    fault = disproof(hasher_, cid, block->bytes());
    if (!fault) return block;
  }
  if (fault) return std::unexpected(*fault);
  return fail(Errc::kNotFound, "block " + cid.text() + " is not in the CAR: it is incomplete");
}

StreamInput::StreamInput(File file) : file_(std::move(file)), buffer_(kWindowBytes) {}

Result<std::unique_ptr<BlockInput>> StreamInput::open(File file) {
  std::unique_ptr<StreamInput> input(new StreamInput(std::move(file)));
  auto header = input->step();
  if (!header && header.error().code == Errc::kUnsupported) {
    return fail(Errc::kUnsupported,
                "only version 1 can be read as a stream: save the CAR to a file");
  }
  if (!header) return std::unexpected(header.error());
  if (!*header) return fail(Errc::kTruncated, input->file_.name() + " is empty");
  return input;
}

Result<std::optional<CarReader::Step>> StreamInput::step() {
  while (true) {
    const CarReader::Step step = reader_.step(window_);
    window_ = window_.subspan(step.consumed);
    if (step.event == CarReader::Event::kFailed) {
      return fail(reader_.failure().code,
                  file_.name() + ": " + std::string(reader_.failure().what));
    }
    if (step.event != CarReader::Event::kNeedMore) return step;
    const auto got = file_.read_some(buffer_);
    if (!got) return std::unexpected(got.error());
    window_ = Bytes(buffer_).first(*got);
    if (*got > 0) continue;
    if (reader_.may_end_here()) return std::nullopt;
    return fail(Errc::kTruncated, file_.name() + " ends in the middle of a block");
  }
}

Result<bool> StreamInput::peek() {
  while (!has_head_) {
    const auto next = step();
    if (!next) return std::unexpected(next.error());
    if (!*next) return false;
    if ((*next)->event != CarReader::Event::kSection) continue;  // The rest of an identity block.
    has_head_ = !reader_.cid().is_identity();
  }
  return true;
}

Result<Slice> StreamInput::take_body() {
  has_head_ = false;
  const size_t size = reader_.body_size();
  const BufferRef buffer = BufferRef::allocate(size);
  size_t at = 0;
  while (true) {
    const auto next = step();
    if (!next) return std::unexpected(next.error());
    if ((*next)->event == CarReader::Event::kSectionEnd) break;
    std::memcpy(buffer.data() + at, (*next)->body.data(), (*next)->body.size());
    at += (*next)->body.size();
  }
  return Slice{buffer, buffer.data(), size};
}

Result<Slice> StreamInput::get(const Cid& cid) {
  if (cid.is_identity()) return Slice::copy_of(cid.digest());
  const auto is_there = peek();
  if (!is_there) return std::unexpected(is_there.error());
  if (!*is_there || !reader_.cid().names_same_block(cid)) {
    return fail(Errc::kNotFound, "block " + cid.text() +
                                     (*is_there ? " is not next in the stream: save the CAR to "
                                                  "a file and unpack that"
                                                : " is missing: the CAR is incomplete"));
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
    ++left_over;
    if (auto body = take_body(); !body) return std::unexpected(body.error());
  }
}

}  // namespace daphnis::l2
