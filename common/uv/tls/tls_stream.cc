#include "common/uv/tls/tls_stream.h"

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/uv/tls/memory_wire.h"

namespace daphnis::uv {
namespace {

/// The content that is given on at once. There is one thread, and nobody keeps the bytes.
std::span<uint8_t> content_buffer() {
  static std::array<uint8_t, limits::kTlsRecordBytes> buffer;
  return buffer;
}

}  // namespace

TlsStream::TlsStream(Loop& loop, UvPtr<uv_tcp_t> tcp, std::unique_ptr<tls::Session> session,
                     Events events)
    : events_(std::make_shared<const Events>(std::move(events))),
      session_(std::move(session)),
      records_(std::move(tcp), {.on_bytes = [this](Bytes bytes) { take(bytes); },
                                .on_end = [this](const std::string& why) { end(why); },
                                .on_drained = events_->on_drained,
                                .on_taken = events_->on_taken}),
      later_(loop, [this] { take({}); }) {}

TlsStream::~TlsStream() {
  *is_alive_ = false;
}

void TlsStream::start() {
  if (std::exchange(is_reading_, true)) return;
  records_.start();
  if (session_->has_unread()) later_.start(0);
}

void TlsStream::stop() {
  is_reading_ = false;
  later_.stop();
  records_.stop();
}

void TlsStream::take(Bytes records) {
  const std::shared_ptr<bool> is_alive = is_alive_;
  const std::shared_ptr<const Events> events = events_;
  MemoryWire wire(records);
  while (is_reading_ && !has_ended_) {
    const std::span<uint8_t> buffer = content_buffer();
    const tls::Moved moved = session_->read(wire, buffer);
    // A reply to the peer's change of keys, or the alert that says what was wrong.
    records_.write(wire.take_out());
    switch (moved.outcome) {
      case tls::Moved::Outcome::kBytes:
        events->on_bytes(buffer.first(moved.bytes));
        if (!*is_alive) return;
        break;
      case tls::Moved::Outcome::kBlocked:
        return;
      case tls::Moved::Outcome::kEnd:
        return end("");
      case tls::Moved::Outcome::kLost:
        return end(session_->problem());
    }
  }
}

void TlsStream::end(const std::string& why) {
  if (std::exchange(has_ended_, true)) return;
  stop();
  const std::shared_ptr<const Events> events = events_;
  events->on_end(why);
}

void TlsStream::write_content(std::span<const Bytes> views) {
  MemoryWire wire;
  static_cast<void>(session_->write(wire, views, false));  // The wire takes all.
  records_.write(wire.take_out());
}

void TlsStream::write(std::string bytes) {
  const Bytes view = as_bytes(bytes);
  if (!view.empty()) write_content({&view, 1});
}

void TlsStream::write(Slices slices) {
  std::vector<Bytes> views;
  views.reserve(slices.size());
  for (const Slice& slice : slices) views.push_back(slice.bytes());
  if (!views.empty()) write_content(views);
}

void TlsStream::shutdown() {
  MemoryWire wire;
  session_->end(wire);
  records_.write(wire.take_out());
  records_.shutdown();
}

}  // namespace daphnis::uv
