#include "common/uv/stream.h"

#include <cstdlib>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace daphnis::uv {
namespace {

constexpr size_t kStreamReadBytes = 16 * limits::kKiB;

/// The buffer that all streams read into: there is one thread, and a read callback does not use the
/// bytes after it has returned.
char* read_buffer() {
  static char buffer[kStreamReadBytes];
  return buffer;
}

}  // namespace

/// The state that callbacks of requests may touch after the Stream is gone.
struct Stream::Shared {
  Stream* stream;  ///< Null once the Stream is gone or was released.
  Events events;
};

struct Stream::Write {
  uv_write_t request{};
  std::string text;
  Slices slices;
  std::vector<uv_buf_t> buffers;
  std::shared_ptr<Shared> shared;
};

Stream::Stream(UvPtr<uv_tcp_t> tcp, Events events)
    : tcp_(std::move(tcp)), shared_(std::make_shared<Shared>(Shared{this, std::move(events)})) {
  tcp_->data = this;
  uv_tcp_nodelay(tcp_.get(), 1);
}

Stream::~Stream() {
  shared_->stream = nullptr;
}

void Stream::start() {
  uv_read_start(reinterpret_cast<uv_stream_t*>(tcp_.get()), on_alloc, on_read);
}

void Stream::stop() {
  uv_read_stop(reinterpret_cast<uv_stream_t*>(tcp_.get()));
}

void Stream::on_alloc(uv_handle_t*, size_t, uv_buf_t* out) noexcept {
  *out = uv_buf_init(read_buffer(), kStreamReadBytes);
}

void Stream::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) noexcept {
  const std::shared_ptr<Shared> alive = static_cast<Stream*>(stream->data)->shared_;
  if (size > 0) {
    alive->events.on_bytes(
        {reinterpret_cast<const uint8_t*>(buffer->base), static_cast<size_t>(size)});
  } else if (size < 0) {
    uv_read_stop(stream);
    alive->events.on_end(size == UV_EOF ? "" : uv_strerror(static_cast<int>(size)));
  }
}

size_t Stream::try_write(std::string_view bytes) {
  const uv_buf_t buffer =
      uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int written = uv_try_write(reinterpret_cast<uv_stream_t*>(tcp_.get()), &buffer, 1);
  return written > 0 ? static_cast<size_t>(written) : 0;  // write() reports an error.
}

void Stream::write(std::string bytes) {
  if (bytes.empty()) return;
  auto* write = new Write{};
  write->text = std::move(bytes);
  write->buffers.push_back(
      uv_buf_init(write->text.data(), static_cast<unsigned>(write->text.size())));
  submit(write);
}

void Stream::write(Slices slices) {
  if (slices.empty()) return;
  auto* write = new Write{};
  write->slices = std::move(slices);
  for (const Slice& slice : write->slices) {
    char* base = reinterpret_cast<char*>(const_cast<uint8_t*>(slice.data));
    write->buffers.push_back(uv_buf_init(base, static_cast<unsigned>(slice.size)));
  }
  submit(write);
}

void Stream::submit(Write* write) {
  write->shared = shared_;
  write->request.data = write;
  const auto on_written = [](uv_write_t* request, int status) noexcept {
    std::unique_ptr<Write> done(static_cast<Write*>(request->data));
    const std::shared_ptr<Shared> alive = done->shared;
    if (!alive->stream || status != 0) return;  // on_read() reports a failed connection.
    if (alive->events.on_taken) alive->events.on_taken();
    if (!alive->stream || !alive->events.on_drained) return;
    if (alive->stream->unsent_bytes() == 0) alive->events.on_drained();
  };
  const int error =
      uv_write(&write->request, reinterpret_cast<uv_stream_t*>(tcp_.get()), write->buffers.data(),
               static_cast<unsigned>(write->buffers.size()), on_written);
  if (error != 0) delete write;
}

size_t Stream::unsent_bytes() const {
  return uv_stream_get_write_queue_size(reinterpret_cast<const uv_stream_t*>(tcp_.get()));
}

void Stream::shutdown() {
  auto* request = new uv_shutdown_t{};
  const int error = uv_shutdown(request, reinterpret_cast<uv_stream_t*>(tcp_.get()),
                                [](uv_shutdown_t* done, int) noexcept { delete done; });
  if (error != 0) delete request;
}

UvPtr<uv_tcp_t> Stream::release() {
  check(unsent_bytes() == 0, "a stream was released with unsent bytes");
  stop();
  shared_->stream = nullptr;
  tcp_->data = nullptr;
  return std::move(tcp_);
}

int Stream::fd() const {
  return fd_of(*tcp_);
}

int fd_of(const uv_tcp_t& tcp) {
  uv_os_fd_t fd = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(&tcp), &fd);
  return fd;
}

UvPtr<uv_tcp_t> tcp_of(Loop& loop, UniqueFd fd) {
  auto* raw = new uv_tcp_t{};
  uv_tcp_init(loop.raw(), raw);
  UvPtr<uv_tcp_t> tcp(raw);
  check(uv_tcp_open(raw, fd.get()) == 0, "a connected socket cannot be opened");
  static_cast<void>(fd.release());
  return tcp;
}

}  // namespace daphnis::uv
