#include "common/uv/ipc_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::uv {
namespace {

constexpr size_t kChannelReadBytes = 64 * limits::kKiB;

}  // namespace

/// The state that write callbacks may touch: the channel itself may be gone by then.
struct IpcChannel::Shared {
  IpcChannel* channel;  ///< Null once the channel is gone or has ended.
  Events events;        ///< Kept here, so that a callback may destroy the channel it came from.
  size_t descriptors_queued = 0;
};

/// One write under way; owns its bytes and the descriptor it carries.
struct IpcChannel::Write {
  uv_write_t request{};
  std::vector<uint8_t> bytes;
  UvPtr<uv_tcp_t> socket;
  std::shared_ptr<Shared> shared;
};

IpcChannel::IpcChannel(UvPtr<uv_pipe_t> pipe, Events events)
    : pipe_(std::move(pipe)),
      shared_(std::make_shared<Shared>(Shared{.channel = this, .events = std::move(events)})),
      read_buffer_(kChannelReadBytes) {
  auto* before_wait = new uv_prepare_t{};
  uv_prepare_init(pipe_->loop, before_wait);
  before_wait->data = this;
  before_wait_.reset(before_wait);
  pipe_->data = this;
  uv_read_start(reinterpret_cast<uv_stream_t*>(pipe_.get()), on_alloc, on_read);
}

IpcChannel::~IpcChannel() {
  flush();
  shared_->channel = nullptr;
}

void IpcChannel::send(std::span<const uint8_t> frame) {
  if (!shared_->channel) return;
  if (gathered_.empty()) flush_before_wait();
  gathered_.insert(gathered_.end(), frame.begin(), frame.end());
  if (gathered_.size() > limits::kIpcGatherBytesMax) flush();
}

void IpcChannel::flush_before_wait() {
  uv_prepare_start(before_wait_.get(), [](uv_prepare_t* handle) noexcept {
    static_cast<IpcChannel*>(handle->data)->flush();
  });
}

void IpcChannel::flush() {
  uv_prepare_stop(before_wait_.get());
  if (!gathered_.empty()) {
    write(std::exchange(gathered_, {}), std::exchange(gathered_socket_, nullptr));
  }
}

void IpcChannel::send(std::vector<uint8_t> frame, UvPtr<uv_tcp_t> socket) {
  flush();
  if (!shared_->channel) return;
  gathered_ = std::move(frame);
  gathered_socket_ = std::move(socket);
  flush_before_wait();
}

size_t IpcChannel::write_at_once(const std::vector<uint8_t>& frame, uv_tcp_t* socket) {
  const uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(const_cast<uint8_t*>(frame.data())),
                                      static_cast<unsigned>(frame.size()));
  // The queued write that follows reports an error.
  const int written = uv_try_write2(reinterpret_cast<uv_stream_t*>(pipe_.get()), &buffer, 1,
                                    reinterpret_cast<uv_stream_t*>(socket));
  return written > 0 ? static_cast<size_t>(written) : 0;
}

void IpcChannel::write(std::vector<uint8_t> frame, UvPtr<uv_tcp_t> socket) {
  if (!shared_->channel) return;
  // Nearly always the kernel takes the whole frame, which saves a request and a callback.
  if (const size_t sent = write_at_once(frame, socket.get()); sent > 0) {
    if (sent == frame.size()) return;
    frame.erase(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(sent));
    socket.reset();  // The socket went with the first byte.
  }
  auto* stream = reinterpret_cast<uv_stream_t*>(pipe_.get());
  auto* write = new Write{
      .request = {}, .bytes = std::move(frame), .socket = std::move(socket), .shared = shared_};
  write->request.data = write;
  const uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(write->bytes.data()),
                                      static_cast<unsigned>(write->bytes.size()));
  if (write->socket) ++shared_->descriptors_queued;
  const auto on_written = [](uv_write_t* request, int status) noexcept {
    std::unique_ptr<Write> done(static_cast<Write*>(request->data));
    if (done->socket) --done->shared->descriptors_queued;
    if (status < 0 && status != UV_ECANCELED && done->shared->channel) {
      done->shared->channel->end(std::string("write failed: ") + uv_strerror(status));
    }
  };
  const int error = uv_write2(&write->request, stream, &buffer, 1,
                              reinterpret_cast<uv_stream_t*>(write->socket.get()), on_written);
  if (error != 0) {
    if (write->socket) --shared_->descriptors_queued;
    delete write;
    cut();
  } else if (uv_stream_get_write_queue_size(stream) > limits::kIpcQueueBytesMax) {
    cut();
  }
}

void IpcChannel::cut() {
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(pipe_.get()), &fd) == 0) ::shutdown(fd, SHUT_RDWR);
}

void IpcChannel::send(Loop& loop, std::vector<uint8_t> frame, UniqueFd socket) {
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), raw);
  UvPtr<uv_tcp_t> handle(raw);
  if (!socket || uv_tcp_open(raw, socket.get()) != 0) return send(std::move(frame), nullptr);
  static_cast<void>(socket.release());
  send(std::move(frame), std::move(handle));
}

size_t IpcChannel::descriptors_queued() const {
  return shared_->descriptors_queued;
}
int IpcChannel::peer_uid() const {
  ucred peer{.pid = -1, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<const uv_handle_t*>(pipe_.get()), &fd) != 0) return -1;
  socklen_t size = sizeof peer;
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
  return static_cast<int>(peer.uid);
}

void IpcChannel::on_alloc(uv_handle_t* handle, size_t, uv_buf_t* out) noexcept {
  auto* self = static_cast<IpcChannel*>(handle->data);
  *out = uv_buf_init(self->read_buffer_.data(), static_cast<unsigned>(self->read_buffer_.size()));
}

void IpcChannel::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) noexcept {
  auto* self = static_cast<IpcChannel*>(stream->data);
  if (size == 0) return;
  if (size < 0) {
    self->end(size == UV_EOF ? "the peer closed" : uv_strerror(static_cast<int>(size)));
    return;
  }
  self->reader_.append({reinterpret_cast<const uint8_t*>(buffer->base), static_cast<size_t>(size)});
  self->take_frames();
}

void IpcChannel::take_frames() {
  const std::shared_ptr<Shared> alive = shared_;
  while (alive->channel) {
    ipc::FrameReader::Frame frame;
    switch (reader_.next(frame)) {
      case ipc::FrameReader::Event::kNeedMore:
        if (reader_.is_empty() && uv_pipe_pending_count(pipe_.get()) > 0) {
          end("the peer sent a descriptor that no frame announces");
        }
        return;
      case ipc::FrameReader::Event::kMalformed:
        end("the peer sent a malformed frame");
        return;
      case ipc::FrameReader::Event::kFrame:
        // The payload is copied, since the handler may destroy the channel and with it the reader.
        const std::vector<uint8_t> payload(frame.payload.begin(), frame.payload.end());
        if (frame.has_descriptor && alive->events.on_socket_frame) {
          alive->events.on_socket_frame(payload, accept_socket());
        } else {
          alive->events.on_frame(payload, frame.has_descriptor ? accept_descriptor() : UniqueFd());
        }
    }
  }
}

UvPtr<uv_tcp_t> IpcChannel::accept_socket() {
  if (uv_pipe_pending_count(pipe_.get()) == 0) return nullptr;
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(pipe_->loop, raw);
  UvPtr<uv_tcp_t> handle(raw);
  const int error =
      uv_accept(reinterpret_cast<uv_stream_t*>(pipe_.get()), reinterpret_cast<uv_stream_t*>(raw));
  return error == 0 ? std::move(handle) : nullptr;
}

UniqueFd IpcChannel::accept_descriptor() {
  const UvPtr<uv_tcp_t> handle = accept_socket();
  uv_os_fd_t fd = -1;
  if (!handle || uv_fileno(reinterpret_cast<uv_handle_t*>(handle.get()), &fd) != 0) return {};
  // The handle closes its own descriptor; data sockets are not driven by libuv's streams.
  return copy_of(fd);
}

void IpcChannel::end(const std::string& why) {
  const std::shared_ptr<Shared> alive = shared_;
  if (!alive->channel) return;
  alive->channel = nullptr;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(pipe_.get()));
  uv_prepare_stop(before_wait_.get());
  alive->events.on_closed(why);
}

}  // namespace daphnis::uv
