#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "common/base/check.h"
#include "tests/sim/edge/disk_task.h"
#include "tests/sim/edge/scene.h"
#include "worker/driver/socket_driver.h"

namespace daphnis::sim {

/// The buffers that one worker's sockets read into. What was read into the scratch buffer is
/// overwritten before it is next filled and before anything is written, so that a use of it shows.
/// Owned by the worker's node.
class WorkerBuffers final : public worker::ReadBuffers {
 public:
  explicit WorkerBuffers(BufferPool& pool) : pool_(pool) {}

  [[nodiscard]] BufferRef take() override { return pool_.take(); }
  [[nodiscard]] const BufferRef& scratch() override {
    spoil();
    is_used_ = true;
    return scratch_;
  }
  void spoil() {
    if (std::exchange(is_used_, false)) std::memset(scratch_.data(), 0xdb, scratch_.capacity());
  }

 private:
  BufferPool& pool_;
  BufferRef scratch_ = BufferRef::allocate(4096);
  bool is_used_ = false;
};

/// A worker's socket of the simulation: ready by level, with reads and writes of random sizes.
/// Owned by its SocketDriver.
class WorkerSocket final : public worker::DrivenSocket {
 public:
  WorkerSocket(Scene& scene, std::unique_ptr<Socket> socket, WorkerBuffers& buffers);

  [[nodiscard]] uint64_t cookie() const override { return socket_->cookie(); }
  void start(worker::SocketUser& user) override;
  [[nodiscard]] worker::SocketRead read(std::span<uint8_t> first,
                                        std::span<uint8_t> second) override;
  [[nodiscard]] worker::SocketWritten write(std::span<const Bytes> views, bool has_more) override;
  [[nodiscard]] worker::FileSent send(const worker::FileRange& piece) override;
  [[nodiscard]] worker::FileBytes look(const worker::FileRange&) override {
    abort_on_bug("the worker looked at a file for a socket that sends it");
  }
  void set_cork(bool) override {}
  void shut_down() override { socket_->shutdown(); }
  void set_reset_on_close(bool resets) override { socket_->set_reset_on_close(resets); }
  void want(worker::Readiness wanted) override;
  [[nodiscard]] std::optional<size_t> unacknowledged_bytes() override {
    return socket_->unread_by_peer();
  }

  /// Gives the socket away; this object must only be destroyed afterwards.
  [[nodiscard]] std::unique_ptr<Socket> release();

 private:
  /// The ways in which the socket is ready for what is wanted.
  [[nodiscard]] worker::Readiness readiness() const;
  void poll();
  void on_turn();
  void warm_up(const worker::FileRange& piece);

  Scene& scene_;
  std::unique_ptr<Socket> socket_;
  WorkerBuffers& buffers_;
  worker::SocketUser* user_ = nullptr;  ///< Set by start().
  worker::Readiness wanted_;
  Alarm turn_;
  DiskTask warming_;  ///< Reads the part of a file that is to be written next.
  /// That part, once it is read. It must not keep the file open.
  struct {
    const worker::File* file = nullptr;
    uint64_t begin = 0;
    uint64_t end = 0;
  } warm_;
  int warm_error_ = 0;
};

}  // namespace daphnis::sim
