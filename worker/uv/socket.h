#pragma once

#include <functional>

#include "common/uv/loop.h"
#include "common/uv/poll.h"
#include "worker/base/connection.h"
#include "worker/uv/file_sender.h"
#include "worker/uv/read_buffers.h"

namespace daphnis::worker::uv {

/// Drives one Connection on its TCP socket with direct reads, gather writes and sendfile. Owned by
/// the shell's table; it ends when after_event() or sync() says so.
class Socket {
 public:
  /// What is to become of this object after sync().
  enum class Fate {
    kStays,
    kClosed,     ///< Its socket is closed; destroy it and forget the connection.
    kGivenBack,  ///< release() the socket to the broker, then as kClosed.
  };

  /// `after_event` is called when the socket's readiness has been used, as the last thing: it may
  /// destroy this object.
  Socket(daphnis::uv::Loop& loop, daphnis::uv::UniqueFd fd, Connection& connection,
         ReadBuffers& buffers, std::function<void(Socket&)> after_event);

  /// Writes what there is, waits for what is wanted, carries an ending out.
  [[nodiscard]] Fate sync(uint64_t now_ms);
  /// About once a second: tells the connection how far its peer is behind.
  void on_tick(uint64_t now_ms);

  [[nodiscard]] daphnis::uv::UniqueFd release() { return poll_.release(); }
  [[nodiscard]] Connection& connection() { return connection_; }

 private:
  void on_ready(int events);
  void read(uint64_t now_ms);
  /// One read. False: nothing more is there for now, or the connection has ended.
  [[nodiscard]] bool read_kept(uint64_t now_ms);
  [[nodiscard]] bool read_scratch(uint64_t now_ms);
  [[nodiscard]] bool take_read_result(ssize_t size, uint64_t now_ms);
  void write(uint64_t now_ms);
  /// One write. False: no more for now.
  [[nodiscard]] bool write_memory(std::span<const Bytes> views, uint64_t now_ms);
  [[nodiscard]] bool write_file(const FileRange& piece, uint64_t now_ms);
  /// Holds back what does not fill a segment, while parts of files are to come.
  void cork(bool is_corked);
  /// Nothing of the output is left that could go out now or later.
  [[nodiscard]] bool is_written() const {
    return !is_blocked_ && !(files_ && files_->is_waiting());
  }
  /// The connection has something to write.
  [[nodiscard]] bool has_output();
  void set_reset_on_close(bool resets);

  daphnis::uv::Loop& loop_;
  Connection& connection_;
  ReadBuffers& buffers_;
  std::function<void(Socket&)> after_event_;
  daphnis::uv::Poll poll_;
  BufferRef buffer_;                   ///< Being filled.
  size_t filled_ = 0;                  ///< Bytes of it.
  std::unique_ptr<FileSender> files_;  ///< From the first part of a file on.
  size_t file_bytes_left_ = 0;         ///< In this turn.
  bool is_blocked_ = false;  ///< The kernel took less than there was, or it is others' turn.
  bool is_corked_ = false;
  bool is_half_closed_ = false;  ///< Our side is ended.
  bool has_input_ended_ = false;
  bool resets_on_close_ = false;
};

}  // namespace daphnis::worker::uv
