#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "common/uv/fd.h"
#include "common/uv/loop.h"
#include "common/uv/poll.h"
#include "worker/driver/driven_socket.h"
#include "worker/uv/file_sender.h"

namespace daphnis::worker::uv {

/// A TCP socket, non-blocking, with direct reads, gather writes and sendfile. Owned by its
/// SocketDriver; may be destroyed in a call of the driver's functions. It is watched only once its
/// driver waits for it: an L2's socket often comes with all that is to be read of it, and goes back
/// at once.
class Socket final : public DrivenSocket {
 public:
  Socket(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {}

  [[nodiscard]] uint64_t cookie() const override { return daphnis::uv::socket_cookie(fd()); }
  void start(SocketUser& user) override;
  [[nodiscard]] SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) override;
  [[nodiscard]] SocketWritten write(std::span<const Bytes> views, bool has_more) override;
  [[nodiscard]] FileSent send(const FileRange& piece) override;
  [[nodiscard]] FileBytes look(const FileRange& piece) override;
  void set_cork(bool is_corked) override;
  void shut_down() override;
  void set_reset_on_close(bool resets) override;
  void want(Readiness wanted) override;
  [[nodiscard]] std::optional<size_t> unacknowledged_bytes() override;

  /// Stops watching and gives the descriptor away; this object must only be destroyed afterwards.
  [[nodiscard]] daphnis::uv::UniqueFd release();

 private:
  [[nodiscard]] FileSender& files();
  [[nodiscard]] int fd() const { return poll_ ? poll_->fd() : fd_.get(); }

  daphnis::uv::Loop& loop_;
  daphnis::uv::UniqueFd fd_;               ///< The descriptor until it is watched.
  SocketUser* user_ = nullptr;             ///< Set by start().
  std::optional<daphnis::uv::Poll> poll_;  ///< The descriptor's owner from the first wait on.
  std::unique_ptr<FileSender> files_;      ///< The sender, from the first part of a file on.
};

}  // namespace daphnis::worker::uv
