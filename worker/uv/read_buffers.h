#pragma once

#include <cstddef>

#include "common/base/slice.h"

namespace daphnis::worker::uv {

/// The buffers that sockets read into. Bytes that will be kept go to pooled buffers, each socket
/// filling its own before it takes another. All other bytes (requests, input thrown away) go
/// through one scratch buffer, so that an idle connection holds no memory. Owned by the Shell.
class ReadBuffers {
 public:
  explicit ReadBuffers(BufferPool& pool) : pool_(pool) {}

  [[nodiscard]] BufferRef take() { return pool_.take(); }
  /// A buffer that the next read of any socket overwrites.
  [[nodiscard]] const BufferRef& scratch() const { return scratch_; }

 private:
  BufferPool& pool_;
  BufferRef scratch_ = BufferRef::allocate(limits::kScratchBytes);
};

}  // namespace daphnis::worker::uv
