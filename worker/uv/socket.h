#pragma once

#include <functional>

#include "common/uv/loop.h"
#include "common/uv/poll.h"
#include "worker/base/connection.h"
#include "worker/uv/file_sender.h"
#include "worker/uv/read_buffers.h"

namespace daphnis::worker::uv {

/// Drives one Connection on its TCP socket with direct reads, gather writes and sendfile. Owned by
/// the Shell, which destroys it after sync() says so.
class Socket {
 public:
  /// What the Shell does with this object after sync().
  enum class Fate {
    kStays,
    /// The Shell destroys this object, which closes the socket, and forgets the connection.
    kClosed,
    /// The Shell gives the socket back to the broker (release()), then acts as for kClosed.
    kGivenBack,
  };

  /// `after_event` is called when the socket's readiness has been used, as the last thing in an
  /// event: it may destroy this object.
  Socket(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd, Connection& connection,
         ReadBuffers& buffers, std::function<void(Socket&)> after_event);

  /// Writes the output there is, waits for what is wanted, and carries an ending out.
  [[nodiscard]] Fate sync(uint64_t now_ms);
  /// Tells the connection, about once a second, how far its peer is behind.
  void on_tick(uint64_t now_ms);

  [[nodiscard]] daphnis::uv::UniqueFd release() { return poll_.release(); }
  [[nodiscard]] Connection& connection() { return connection_; }

 private:
  void on_ready(int events);
  void read(uint64_t now_ms);
  /// The next two functions read once. False where nothing more is there for now, or the connection
  /// has ended.
  [[nodiscard]] bool read_kept(uint64_t now_ms);
  [[nodiscard]] bool read_scratch(uint64_t now_ms);
  [[nodiscard]] bool take_read_result(ssize_t size, uint64_t now_ms);
  void write(uint64_t now_ms);
  /// The next two functions write once. False where no more can be written for now.
  [[nodiscard]] bool write_memory(std::span<const Bytes> views, uint64_t now_ms);
  [[nodiscard]] bool write_file(const FileRange& piece, uint64_t now_ms);
  /// Holds back segments that are not full, while parts of files are to come.
  void cork(bool is_corked);
  /// True where no output waits for the socket or for a file.
  [[nodiscard]] bool is_written() const {
    return !is_blocked_ && !(files_ && files_->is_waiting());
  }
  /// True where the connection has output.
  [[nodiscard]] bool has_output();
  void set_reset_on_close(bool resets);

  daphnis::uv::Loop& loop_;
  Connection& connection_;
  ReadBuffers& buffers_;
  std::function<void(Socket&)> after_event_;
  daphnis::uv::Poll poll_;
  BufferRef buffer_;                   ///< The buffer being filled.
  size_t filled_ = 0;                  ///< Bytes of buffer_ that are filled.
  std::unique_ptr<FileSender> files_;  ///< The sender, from the first part of a file on.
  size_t file_bytes_left_ = 0;         ///< Bytes of files that may still be sent in this turn.
  /// The kernel took less than there was, or other sockets have their turn.
  bool is_blocked_ = false;
  bool is_corked_ = false;
  bool is_half_closed_ = false;  ///< Our side of the connection has ended.
  bool has_input_ended_ = false;
  bool resets_on_close_ = false;
};

}  // namespace daphnis::worker::uv
