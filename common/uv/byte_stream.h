#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/slice.h"

namespace daphnis::uv {

/// A connection that carries bytes both ways, for control traffic. Owned by the connection object
/// that gives it its events. Its destruction closes it and is allowed inside its callbacks.
class ByteStream {
 public:
  struct Events {
    std::function<void(Bytes)> on_bytes;
    /// The peer ended its side ("" as reason) or the connection failed. Called at most once;
    /// nothing is read after it. Writing may go on after a clean end.
    std::function<void(const std::string& why)> on_end;
    /// The kernel has taken all writes so far (optional).
    std::function<void()> on_drained = nullptr;
    /// The kernel has taken one write() in a later turn (optional); comes before on_drained.
    /// unsent_bytes() says how much is left.
    std::function<void()> on_taken = nullptr;
  };

  virtual ~ByteStream() = default;

  /// Starts or resumes reading; stop() pauses it. It begins stopped.
  virtual void start() = 0;
  virtual void stop() = 0;
  /// Writes as many bytes as the kernel takes at once, none if earlier writes are unsent or the
  /// bytes must be changed on their way, and returns their number. The caller gives the rest to
  /// write(). Cheaper than write() for small texts; no on_drained follows.
  [[nodiscard]] virtual size_t try_write(std::string_view bytes) = 0;
  /// Writes own their bytes.
  virtual void write(std::string bytes) = 0;
  virtual void write(Slices slices) = 0;
  /// Bytes of earlier writes, as they go out, that the kernel has not taken yet.
  [[nodiscard]] virtual size_t unsent_bytes() const = 0;
  /// Ends our side once everything is written.
  virtual void shutdown() = 0;
  [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace daphnis::uv
