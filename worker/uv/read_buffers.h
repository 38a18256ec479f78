#pragma once

#include <cstddef>

#include "common/base/slice.h"

namespace daphnis::worker::uv {

/// Where sockets read to. Bytes that will be kept land in pooled buffers, each socket filling its
/// own before it takes another; everything else (requests, input thrown away) goes through one
/// scratch buffer, so that an idle connection holds no memory. Owned by the process's shell.
class ReadBuffers {
 public:
  explicit ReadBuffers(BufferPool& pool) : pool_(pool) {}

  [[nodiscard]] BufferRef take() { return pool_.take(); }
  /// Overwritten by the next read of any socket.
  [[nodiscard]] const BufferRef& scratch() const { return scratch_; }

 private:
  BufferPool& pool_;
  BufferRef scratch_ = BufferRef::allocate(limits::kScratchBytes);
};

}  // namespace daphnis::worker::uv
