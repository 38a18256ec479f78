#include "l2/disk/delivery.h"

#include <cstdint>
#include <cstring>

namespace daphnis::l2 {
namespace {

/// Slices smaller than this are copied together: one long slice costs less to write than many.
constexpr size_t kSmallBytes = 16 * limits::kKiB;
constexpr size_t kPackBytes = 64 * limits::kKiB;

/// Copies small neighbouring slices into buffers of their own. Small slices are sections' heads,
/// whose buffer the producer keeps; a buffer's reference count must not be used by two threads.
Slices packed(Slices slices) {
  Slices out;
  BufferRef pack;
  size_t used = 0;
  size_t begin = 0;
  const auto end_pack = [&] {
    if (used > begin) out.push_back({pack, pack.data() + begin, used - begin});
    begin = used;
  };
  for (Slice& slice : slices) {
    if (slice.size >= kSmallBytes) {
      end_pack();
      out.push_back(std::move(slice));
      continue;
    }
    if (!pack || pack.capacity() - used < slice.size) {
      end_pack();
      pack = BufferRef::allocate(kPackBytes);
      used = begin = 0;
    }
    std::memcpy(pack.data() + used, slice.data, slice.size);
    used += slice.size;
  }
  end_pack();
  return out;
}

/// A budget without the bounds that are the L1's to set: the size of the output, and sha1.
WalkBudget l1_decides() {
  WalkBudget budget;
  budget.output_bytes_max = UINT64_MAX;
  budget.sha1 = Sha1::kAllowed;
  return budget;
}

}  // namespace

BlockSource::Read Delivery::Blocks::read(const Cid& cid, Slices& into) {
  auto block = store_.read(cid);
  if (!block) return Read::kMissing;
  into.push_back(std::move(*block));
  return Read::kOk;
}

Delivery::Delivery(Store& store, const Order& order)
    : blocks_(store),
      producer_(order.request, l1_decides(), Producer::OnRefusal::kProves,
                {order.skip, order.next}),
      root_(order.request.root),
      is_understood_(order.is_understood) {}

Delivery::Turn Delivery::next(size_t bytes) {
  Turn turn;
  if (!is_understood_) {
    turn.failure = Error{Errc::kUnsupported, 0, "the order asks for something unknown"};
    return turn;
  }
  size_t made = 0;
  while (made < bytes && !turn.is_last) {
    const size_t before = turn.slices.size();
    switch (producer_.produce(blocks_, bytes - made, turn.slices)) {
      case Producer::State::kMore:
        break;
      case Producer::State::kComplete:
        turn.is_last = true;
        break;
      default:
        turn.failure = producer_.failure();
        turn.lacks = lacks();
        return turn;
    }
    made += total_size(std::span(turn.slices).subspan(before));
  }
  turn.slices = packed(std::move(turn.slices));
  return turn;
}

/// What an L2 lacks whose producer has failed.
NotFound Delivery::lacks() const {
  const bool is_root = producer_.is_missing_block() && producer_.wanted().names_same_block(root_);
  return is_root ? NotFound::kRoot : NotFound::kBlock;
}

}  // namespace daphnis::l2
