#include <algorithm>

#include "common/proof/walk.h"

namespace daphnis {

std::optional<Walk::Window> Walk::window_of(const ByteRange& range, uint64_t size) {
  // A negative number counts from the end; one beyond the start means the start.
  const auto from_end = [size](int64_t offset) {
    const uint64_t back = uint64_t{0} - static_cast<uint64_t>(offset);
    return back < size ? size - back : 0;
  };
  Window window{0, size};
  window.from = range.from < 0 ? from_end(range.from) : static_cast<uint64_t>(range.from);
  if (range.to) {
    window.to =
        *range.to < 0 ? from_end(*range.to) : std::min(static_cast<uint64_t>(*range.to) + 1, size);
  }
  if (window.from >= window.to) return std::nullopt;
  return window;
}

std::optional<uint64_t> Walk::file_size(const UnixFs& unixfs, size_t links) {
  uint64_t size = 0;
  if (unixfs.blocksizes != links || !unixfs.blocksizes_total ||
      __builtin_add_overflow(*unixfs.blocksizes_total, unixfs.data.size(), &size)) {
    fail_malformed("is a file whose blocksizes do not fit its links");
    return std::nullopt;
  }
  return size;
}

void Walk::expand_range(Block& block) {
  if (visit_.cid.codec() == codec::kRaw || block.is_plain_dag_pb_leaf()) return cover();
  const Bytes bytes = block.bytes();
  const std::optional<DagPbNode> node = read_dag_pb(bytes);
  const std::optional<UnixFs> unixfs = node && node->data ? read_unixfs(*node->data) : std::nullopt;
  if (!unixfs || !unixfs->is_file()) return fail_malformed("is not part of a UnixFS file");
  if (!file_size(*unixfs, node->links)) return;
  retain(bytes);
  if (state_ == State::kFailed) return;

  begin_frame();
  DagPbReader reader(bytes);
  BlocksizeReader sizes(unixfs->message);
  uint64_t at = unixfs->data.size();
  while (true) {
    const DagPbReader::Item item = reader.next();
    if (item == DagPbReader::Item::kEnd) return end_frame();
    if (item != DagPbReader::Item::kLink) continue;
    const uint64_t size = sizes.next().value_or(0);
    const uint64_t end = at + size;
    const uint64_t from = std::max(at, visit_.from);
    const uint64_t to = std::min(end, visit_.to);
    if (from < to) {
      const bool is_whole = from == at && to == end;
      const bool filed = is_whole ? push_link(reader.link().cid, Mode::kAll)
                                  : push_link(reader.link().cid, Mode::kRange, from - at, to - at);
      if (!filed) return;
    }
    at = end;
  }
}

void Walk::retain(Bytes block) {
  if (dups_ || visit_.cid.is_identity()) return;
  const CidKey key(visit_.cid);
  if (retained_.contains(key)) return;
  retained_bytes_ += block.size() + sizeof key;
  if (links_.size() + retained_bytes_ > budget_.pending_bytes_max) {
    return fail_with(Errc::kTooLarge, "pending links");
  }
  retained_.emplace(key, std::vector<uint8_t>(block.begin(), block.end()));
}

}  // namespace daphnis
