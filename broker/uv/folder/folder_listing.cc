#include "broker/uv/folder/folder_listing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "broker/cache/block_index.h"
#include "broker/uv/folder/folder_files.h"
#include "common/cachefile/cache_denial.h"
#include "common/uv/fd.h"

namespace daphnis::broker::uv {

ListingStep FolderListing::step() {
  ListingStep step{.listed = {.key = task_.key, .blocks = {}}};
  if (!std::exchange(is_read_, true)) step.bytes_read = read_blocks();
  step.listed.verdict = verdict_;
  step.listed.denial = denial_;
  const auto first =
      blocks_.end() - static_cast<ptrdiff_t>(std::min(blocks_.size(), kBlocksListedMax));
  step.listed.blocks.assign(first, blocks_.end());
  blocks_.erase(first, blocks_.end());
  step.listed.is_last = blocks_.empty();
  return step;
}

uint64_t FolderListing::read_blocks() {
  const daphnis::uv::UniqueFd file(
      ::open(paths_.object(task_.key).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) return 0;
  // What cannot be read to its end cannot be said to be without fault.
  if (task_.judge) verdict_ = BlocksListed::Verdict::kDenied;
  (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_RANDOM);
  const auto size = static_cast<uint64_t>(about.st_size);
  std::array<uint8_t, kCacheFooterBytes> end;
  if (size < end.size()) return 0;
  const int64_t got = read_gently(file.get(), end.data(), end.size(), size - end.size());
  if (got < 0) return 0;
  const auto footer = read_cache_footer(Bytes(end).first(static_cast<size_t>(got)), size);
  if (!footer || footer->blocks == 0) return end.size();
  std::vector<uint8_t> trailer(footer->trailer_bytes());
  const int64_t read = read_gently(file.get(), trailer.data(), trailer.size(), footer->body_bytes);
  if (read < 0) return end.size();
  trailer.resize(static_cast<size_t>(read));
  if (task_.judge) {
    const auto whole = read_cache_trailer(trailer, *footer);
    const auto denial = whole ? denial_of(*whole, *task_.judge) : std::nullopt;
    if (denial) denial_ = *denial;
    if (whole && !denial) verdict_ = BlocksListed::Verdict::kMay;
    return end.size() + trailer.size();
  }
  auto blocks = block_keys_of(trailer, *footer, task_.key, task_.secret);
  if (blocks) blocks_ = std::move(*blocks);
  return end.size() + trailer.size();
}

}  // namespace daphnis::broker::uv
