#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/ipc/ipc_codec.h"
#include "common/uv/fd.h"
#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace daphnis::uv {

/// One end of a worker-broker connection: a libuv IPC pipe that carries frames, and descriptors
/// attached to the frame that announces them. Owned by the worker's broker link or by the broker's
/// worker entry. Its destruction closes the pipe and is allowed inside its callbacks.
///
/// The channel does not check received descriptors. libuv drops descriptors silently under EMFILE,
/// and a later one would then come with the wrong frame, so the receiver compares SO_COOKIE with
/// the frame's (DESIGN 4a).
class IpcChannel {
 public:
  struct Events {
    /// Takes a whole payload; `descriptor` is the socket that travelled with it, if it did arrive.
    std::function<void(Bytes payload, UniqueFd descriptor)> on_frame;
    /// Optional, for owners that keep sockets with libuv: takes frames that announce a descriptor
    /// instead of on_frame. The socket is an opened libuv handle, null if it did not arrive.
    std::function<void(Bytes payload, UvPtr<uv_tcp_t> socket)> on_socket_frame = nullptr;
    /// The peer went away, sent something that is no frame, or does not read. Called at most once
    /// and last; the channel is dead from then on.
    std::function<void(const std::string& why)> on_closed;
  };

  /// Takes an opened ipc pipe (accepted or connected).
  IpcChannel(UvPtr<uv_pipe_t> pipe, Events events);
  ~IpcChannel();
  IpcChannel(const IpcChannel&) = delete;
  IpcChannel& operator=(const IpcChannel&) = delete;

  /// Sends one encoded frame, or several end to end. The frames of one loop turn are written
  /// together, before the loop waits. Unsent bytes beyond kIpcQueueBytesMax end the channel
  /// (on_closed comes in a later turn).
  void send(std::span<const uint8_t> frame);
  /// Writes the frames that are held at once.
  void flush();
  /// Sends a frame that announces a descriptor together with that descriptor, which stays open here
  /// until the kernel has taken it. One write takes it and the frames that follow it in this turn,
  /// since each write wakes the peer; what was sent before it is written at once.
  void send(std::vector<uint8_t> frame, UvPtr<uv_tcp_t> socket);
  /// The same for a bare descriptor. Where `socket` is empty only the frame goes, and the peer
  /// finds that no descriptor came with it.
  void send(Loop& loop, std::vector<uint8_t> frame, UniqueFd socket);

  /// Frames with descriptors that the kernel has not taken yet.
  [[nodiscard]] size_t descriptors_queued() const;
  /// The user id of the pipe's peer, by SO_PEERCRED. -1 where it is unknown.
  [[nodiscard]] int peer_uid() const;

 private:
  struct Shared;
  struct Write;

  static void on_alloc(uv_handle_t* handle, size_t size, uv_buf_t* out) noexcept;
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) noexcept;
  void flush_before_wait();
  void take_frames();
  void write(std::vector<uint8_t> bytes, UvPtr<uv_tcp_t> socket);
  [[nodiscard]] UvPtr<uv_tcp_t> accept_socket();
  [[nodiscard]] UniqueFd accept_descriptor();
  /// Writes as many of the frame's bytes as the kernel takes at once, and returns their number.
  [[nodiscard]] size_t write_at_once(const std::vector<uint8_t>& frame, uv_tcp_t* socket);
  /// Breaks the connection without calling back from within the caller: on_read() reports the end.
  void cut();
  void end(const std::string& why);

  UvPtr<uv_pipe_t> pipe_;
  ipc::FrameReader reader_;
  std::shared_ptr<Shared> shared_;  ///< Outlives this while writes or callbacks are under way.
  std::vector<char> read_buffer_;
  std::vector<uint8_t> gathered_;  ///< This turn's frames; at most kIpcGatherBytesMax and a frame.
  UvPtr<uv_tcp_t> gathered_socket_;  ///< Of the first of them, where that announces one.
  UvPtr<uv_prepare_t> before_wait_;  ///< Active while frames are gathered.
};

}  // namespace daphnis::uv
