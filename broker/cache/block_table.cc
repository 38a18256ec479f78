#include "broker/cache/block_table.h"

#include <algorithm>
#include <utility>

namespace daphnis::broker {
namespace {

constexpr size_t kSlotsMin = 16;

constexpr uint32_t low_of(BlockKey block) {
  return static_cast<uint32_t>(block);
}

constexpr uint32_t high_of(BlockKey block) {
  return static_cast<uint32_t>(static_cast<uint64_t>(block) >> 32);
}

}  // namespace

size_t BlockTable::slot_of(const std::vector<Slot>& slots, uint32_t low, uint32_t high) {
  auto at = static_cast<size_t>((uint64_t{low} * slots.size()) >> 32);
  while (slots[at].file != kNone && (slots[at].low != low || slots[at].high != high)) {
    if (++at == slots.size()) at = 0;
  }
  return at;
}

uint32_t BlockTable::find(BlockKey block) const {
  const std::vector<Slot>& slots = parts_[part_of(block)].slots;
  return slots.empty() ? kNone : slots[slot_of(slots, low_of(block), high_of(block))].file;
}

void BlockTable::set(BlockKey block, uint32_t file, const IsThere& is_there) {
  Part& part = parts_[part_of(block)];
  if (4 * (part.used + 1) > 3 * part.slots.size()) rebuild(part, is_there);
  Slot& slot = part.slots[slot_of(part.slots, low_of(block), high_of(block))];
  if (slot.file == kNone) ++part.used;
  slot = {.low = low_of(block), .high = high_of(block), .file = file};
}

/// Leaves out what is gone, and makes room for as many entries again.
void BlockTable::rebuild(Part& part, const IsThere& is_there) {
  std::erase_if(part.slots,
                [&](const Slot& slot) { return slot.file == kNone || !is_there(slot.file); });
  std::vector<Slot> slots(std::max(kSlotsMin, 2 * part.slots.size()));
  for (const Slot& slot : part.slots) slots[slot_of(slots, slot.low, slot.high)] = slot;
  part.used = part.slots.size();
  part.slots = std::move(slots);
}

size_t BlockTable::memory_bytes() const {
  size_t bytes = sizeof *this;
  for (const Part& part : parts_) bytes += part.slots.capacity() * sizeof(Slot);
  return bytes;
}

}  // namespace daphnis::broker
