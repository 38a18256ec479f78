#include "common/base/slice.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "common/base/check.h"

namespace daphnis {

Buffer* Buffer::create(BufferPool* pool, size_t capacity) {
  void* memory = std::malloc(sizeof(Buffer) + capacity);
  if (!memory) abort_on_bug("out of memory");
  return new (memory) Buffer(pool, capacity);
}

void Buffer::destroy(Buffer* buffer) {
  buffer->~Buffer();
  std::free(buffer);
}

void Buffer::release() {
  if (pool_) {
    pool_->give_back(this);
  } else {
    destroy(this);
  }
}

BufferRef BufferRef::allocate(size_t capacity) {
  return BufferRef(Buffer::create(nullptr, capacity));
}

Slice Slice::part(size_t offset, size_t length) const {
  check(offset <= size && length <= size - offset, "a part lies outside its slice");
  return {buffer, data + offset, length};
}

Slice Slice::copy_of(Bytes bytes) {
  BufferRef buffer = BufferRef::allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  const uint8_t* data = buffer.data();
  return {std::move(buffer), data, bytes.size()};
}

size_t total_size(std::span<const Slice> slices) {
  size_t total = 0;
  for (const Slice& slice : slices) total += slice.size;
  return total;
}

std::vector<uint8_t> joined(std::span<const Slice> slices) {
  std::vector<uint8_t> out;
  out.reserve(total_size(slices));
  for (const Slice& slice : slices) out.insert(out.end(), slice.data, slice.data + slice.size);
  return out;
}

BufferPool::~BufferPool() {
  check(in_use_ == 0, "a buffer outlived its pool");
  for (Buffer* buffer : idle_) Buffer::destroy(buffer);
}

BufferRef BufferPool::take() {
  ++in_use_;
  if (idle_.empty()) return BufferRef(Buffer::create(this, limits::kPooledBufferBytes));
  Buffer* buffer = idle_.back();
  idle_.pop_back();
  return BufferRef(buffer);
}

void BufferPool::give_back(Buffer* buffer) {
  --in_use_;
  if (idle_.size() < limits::kPooledBuffersKept) {
    idle_.push_back(buffer);
  } else {
    Buffer::destroy(buffer);
  }
}

}  // namespace daphnis
