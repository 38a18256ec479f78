#pragma once

#include "common/base/slice.h"

namespace daphnis::worker {

/// The buffers that sockets read into. Bytes that will be kept go to buffers of which each socket
/// fills its own before it takes another. All other bytes (requests, input thrown away) go through
/// one scratch buffer, so that an idle connection holds no memory. Owned by the driver's host.
class ReadBuffers {
 public:
  /// A buffer for bytes that will be kept.
  [[nodiscard]] virtual BufferRef take() = 0;
  /// A buffer that the next read of any socket overwrites.
  [[nodiscard]] virtual const BufferRef& scratch() = 0;

 protected:
  ~ReadBuffers() = default;
};

/// Buffers of a pool, which must outlive this, and a scratch buffer of kScratchBytes.
class PooledReadBuffers final : public ReadBuffers {
 public:
  explicit PooledReadBuffers(BufferPool& pool) : pool_(pool) {}

  [[nodiscard]] BufferRef take() override { return pool_.take(); }
  [[nodiscard]] const BufferRef& scratch() override { return scratch_; }

 private:
  BufferPool& pool_;
  BufferRef scratch_ = BufferRef::allocate(limits::kScratchBytes);
};

}  // namespace daphnis::worker
