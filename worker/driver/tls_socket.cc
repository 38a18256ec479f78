#include "worker/driver/tls_socket.h"

#include <utility>

namespace daphnis::worker {

/// The socket below as the wire of a session.
class TlsSocket::Records final : public tls::Wire {
 public:
  explicit Records(DrivenSocket& socket) : socket_(socket) {}

  [[nodiscard]] tls::Moved read(std::span<uint8_t> out) override {
    using Outcome = tls::Moved::Outcome;
    const SocketRead read = socket_.read(out, {});
    switch (read.outcome) {
      case SocketRead::Outcome::kBytes:
        return {.outcome = Outcome::kBytes, .bytes = read.bytes};
      case SocketRead::Outcome::kNothing:
        return {.outcome = Outcome::kBlocked};
      case SocketRead::Outcome::kEnd:
        return {.outcome = Outcome::kEnd};
      case SocketRead::Outcome::kLost:
        break;
    }
    return {.outcome = Outcome::kLost};
  }

  [[nodiscard]] tls::Moved write(Bytes bytes, bool has_more) override {
    using Outcome = tls::Moved::Outcome;
    const SocketWritten written = socket_.write({&bytes, 1}, has_more);
    if (written.is_lost) return {.outcome = Outcome::kLost};
    if (written.bytes == 0) return {.outcome = Outcome::kBlocked};
    return {.outcome = Outcome::kBytes, .bytes = written.bytes};
  }

 private:
  DrivenSocket& socket_;
};

TlsSocket::TlsSocket(std::unique_ptr<DrivenSocket> below, std::unique_ptr<tls::Session> session)
    : below_(std::move(below)), session_(std::move(session)) {}

void TlsSocket::start(SocketUser& user) {
  user_ = &user;
  below_->start(*this);
}

SocketRead TlsSocket::read(std::span<uint8_t> first, std::span<uint8_t> second) {
  using Outcome = SocketRead::Outcome;
  Records records(*below_);
  tls::Moved moved = session_->read(records, first);
  if (moved.outcome == tls::Moved::Outcome::kBytes && moved.bytes == first.size() &&
      !second.empty()) {
    const tls::Moved more = session_->read(records, second);
    if (more.outcome == tls::Moved::Outcome::kBytes) moved.bytes += more.bytes;
  }
  switch (moved.outcome) {
    case tls::Moved::Outcome::kBytes:
      return {.outcome = Outcome::kBytes, .bytes = moved.bytes};
    case tls::Moved::Outcome::kBlocked:
      return {.outcome = Outcome::kNothing};
    case tls::Moved::Outcome::kEnd:
      return {.outcome = Outcome::kEnd};
    case tls::Moved::Outcome::kLost:
      break;
  }
  return {.outcome = Outcome::kLost};
}

SocketWritten TlsSocket::write(std::span<const Bytes> views, bool has_more) {
  Records records(*below_);
  const tls::Session::Written flushed = session_->flush(records);
  if (flushed.is_lost || flushed.is_blocked) {
    return {.is_full = flushed.is_blocked, .is_lost = flushed.is_lost};
  }
  const tls::Session::Written written = session_->write(records, views, has_more);
  return {.bytes = written.bytes, .is_full = written.is_blocked, .is_lost = written.is_lost};
}

void TlsSocket::end_output() {
  Records records(*below_);
  session_->end(records);
}

void TlsSocket::shut_down() {
  end_output();
  below_->shut_down();
}

/// Content that has been read of the socket already makes it ready for no read. A write is what it
/// is nearly always ready for, so a wait for one comes back at once.
void TlsSocket::want(Readiness wanted) {
  wanted_ = wanted;
  const bool has_unread = wanted.reads && session_->has_unread();
  below_->want({.reads = wanted.reads, .writes = wanted.writes || has_unread});
}

void TlsSocket::on_ready(Readiness ready, uint64_t now_ms) {
  bool is_flushed = true;
  if (ready.writes && session_->has_unsent()) {
    Records records(*below_);
    is_flushed = !session_->flush(records).is_blocked;
  }
  const Readiness content{
      .reads = wanted_.reads && (ready.reads || (ready.writes && session_->has_unread())),
      .writes = wanted_.writes && ready.writes && is_flushed};
  if (content.reads || content.writes) user_->on_ready(content, now_ms);
}

void TlsSocket::on_file_warm(uint64_t now_ms) {
  user_->on_file_warm(now_ms);
}

}  // namespace daphnis::worker
