#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "worker/base/connection.h"
#include "worker/driver/driven_socket.h"
#include "worker/driver/read_buffers.h"

namespace daphnis::worker {

class SocketDriver;

/// Whoever owns SocketDrivers.
class SocketOwner {
 public:
  /// The socket's readiness has been used. The last thing in an event: it may destroy the driver.
  virtual void on_used(SocketDriver& used, uint64_t now_ms) = 0;

 protected:
  ~SocketOwner() = default;
};

/// Drives one Connection on its socket: when to read and into which buffer, when to write, to cork
/// and to end. Owned by the Driver, which destroys it after sync() says so.
class SocketDriver final : public SocketUser {
 public:
  /// What the owner does with this object after sync().
  enum class Fate : uint8_t {
    kStays,
    /// The owner destroys this object, which closes the socket, and forgets the connection.
    kClosed,
    /// The owner gives the socket back to the broker (release()), then acts as for kClosed.
    kGivenBack,
  };

  /// `connection` and `buffers` must outlive this object.
  SocketDriver(std::unique_ptr<DrivenSocket> socket, Connection& connection, ReadBuffers& buffers,
               SocketOwner& owner);
  SocketDriver(const SocketDriver&) = delete;
  SocketDriver& operator=(const SocketDriver&) = delete;

  /// The next two functions may destroy this object.
  void on_ready(Readiness ready, uint64_t now_ms) override;
  void on_file_warm(uint64_t now_ms) override;
  /// Tells the connection, about once a second, how far its peer is behind.
  void on_tick(uint64_t now_ms);

  /// Writes the output there is, waits for what is wanted, and carries an ending out.
  [[nodiscard]] Fate sync(uint64_t now_ms);

  /// Gives the socket away; this object must only be destroyed afterwards.
  [[nodiscard]] std::unique_ptr<DrivenSocket> release() { return std::move(socket_); }
  [[nodiscard]] Connection& connection() { return connection_; }

 private:
  void read(uint64_t now_ms);
  /// The next two functions read once. False where nothing more is there for now, or the connection
  /// has ended.
  [[nodiscard]] bool read_kept(uint64_t now_ms);
  [[nodiscard]] bool read_scratch(uint64_t now_ms);
  void take_end(SocketRead::Outcome outcome, uint64_t now_ms);
  void write(uint64_t now_ms);
  /// The next two functions write once. False where no more can be written for now.
  [[nodiscard]] bool write_memory(std::span<const Bytes> views, uint64_t now_ms);
  [[nodiscard]] bool write_file(const FileRange& piece, uint64_t now_ms);
  void cork(bool is_corked);
  /// True where no output waits for the socket or for a file.
  [[nodiscard]] bool is_written() const { return !is_blocked_ && !is_file_awaited_; }
  /// True where the connection has output.
  [[nodiscard]] bool has_output();
  void set_reset_on_close(bool resets);

  std::unique_ptr<DrivenSocket> socket_;
  Connection& connection_;
  ReadBuffers& buffers_;
  SocketOwner& owner_;
  BufferRef buffer_;            ///< The buffer being filled.
  size_t filled_ = 0;           ///< Bytes of buffer_ that are filled.
  size_t file_bytes_left_ = 0;  ///< Bytes of files that may still be sent in this turn.
  /// The socket took less than there was, or other sockets have their turn.
  bool is_blocked_ = false;
  bool is_file_awaited_ = false;  ///< A cold file is being read.
  bool is_corked_ = false;
  bool is_half_closed_ = false;  ///< Our side of the connection has ended.
  bool has_input_ended_ = false;
  bool resets_on_close_ = false;
};

}  // namespace daphnis::worker
