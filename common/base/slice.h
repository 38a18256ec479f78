#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/limits.h"

namespace daphnis {

using Bytes = std::span<const uint8_t>;

/// Views text as bytes and back; no copy.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class BufferPool;

/// A counted block of raw memory. Owned by the BufferRefs to it; when the last one goes, it returns
/// to its pool or, if it has none, to the heap. Not thread-safe: one process, one thread.
class Buffer {
 public:
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  [[nodiscard]] size_t capacity() const { return capacity_; }

 private:
  friend class BufferRef;
  friend class BufferPool;
  Buffer(BufferPool* pool, size_t capacity) : pool_(pool), capacity_(capacity) {}

  static Buffer* create(BufferPool* pool, size_t capacity);
  static void destroy(Buffer* buffer);
  void release();

  BufferPool* pool_;
  size_t capacity_;
  size_t refs_ = 0;
};

/// Shared ownership of a Buffer.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* buffer) : buffer_(buffer) {
    if (buffer_) ++buffer_->refs_;
  }
  BufferRef(const BufferRef& other) : BufferRef(other.buffer_) {}
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() {
    if (buffer_ && --buffer_->refs_ == 0) buffer_->release();
  }

  /// A heap buffer of exactly `capacity` bytes, outside any pool.
  [[nodiscard]] static BufferRef allocate(size_t capacity);

  [[nodiscard]] explicit operator bool() const { return buffer_ != nullptr; }
  [[nodiscard]] uint8_t* data() const { return buffer_->data(); }
  [[nodiscard]] size_t capacity() const { return buffer_->capacity(); }
  /// True when this is the only reference to the buffer, so that its bytes may be written over.
  [[nodiscard]] bool is_unique() const { return buffer_ && buffer_->refs_ == 1; }

 private:
  Buffer* buffer_ = nullptr;
};

/// Part of a Buffer, kept alive by it.
struct Slice {
  BufferRef buffer;
  const uint8_t* data = nullptr;
  size_t size = 0;

  [[nodiscard]] Bytes bytes() const { return {data, size}; }
  /// The part [offset, offset + length) of this slice; both must lie inside.
  [[nodiscard]] Slice part(size_t offset, size_t length) const;
  /// A slice holding a copy of `bytes` in a buffer of its own.
  [[nodiscard]] static Slice copy_of(Bytes bytes);
};

using Slices = std::vector<Slice>;

/// The sum of the slices' sizes, in bytes.
[[nodiscard]] size_t total_size(std::span<const Slice> slices);
/// A copy of all the slices' bytes in one vector.
[[nodiscard]] std::vector<uint8_t> joined(std::span<const Slice> slices);

/// Hands out buffers of kPooledBufferBytes and keeps up to kPooledBuffersKept idle ones. Owned by
/// the process's main; must outlive every buffer taken from it (checked at its end).
class BufferPool {
 public:
  BufferPool() = default;
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  [[nodiscard]] BufferRef take();
  /// Buffers taken and not yet returned.
  [[nodiscard]] size_t in_use() const { return in_use_; }
  /// Buffers kept for the next take().
  [[nodiscard]] size_t idle() const { return idle_.size(); }

 private:
  friend class Buffer;
  void give_back(Buffer* buffer);

  std::vector<Buffer*> idle_;
  size_t in_use_ = 0;
};

}  // namespace daphnis
