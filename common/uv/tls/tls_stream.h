#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/tls/session.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::uv {

/// A stream that carries the content of a TLS session in its records. Content is copied once more
/// on its way out, so it is for control traffic and relays.
class TlsStream final : public ByteStream {
 public:
  /// Takes a connected TCP handle and a session whose handshake is done.
  TlsStream(Loop& loop, UvPtr<uv_tcp_t> tcp, std::unique_ptr<tls::Session> session, Events events);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  void start() override;
  void stop() override;
  [[nodiscard]] size_t try_write(std::string_view) override { return 0; }
  void write(std::string bytes) override;
  void write(Slices slices) override;
  [[nodiscard]] size_t unsent_bytes() const override { return records_.unsent_bytes(); }
  void shutdown() override;
  [[nodiscard]] int fd() const override { return records_.fd(); }

  /// In on_end: what kind of reason the session failed for, if it did.
  [[nodiscard]] tls::Fault fault() const { return session_->fault(); }

 private:
  /// Takes records that came, and gives on the content that is there while it is wanted.
  void take(Bytes records);
  void end(const std::string& why);
  void write_content(std::span<const Bytes> views);

  /// Shared with the event under way, which may destroy this stream.
  std::shared_ptr<const Events> events_;
  std::unique_ptr<tls::Session> session_;
  Stream records_;
  Timer later_;  ///< Gives on content that was there when the reading stopped.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  bool is_reading_ = false;
  bool has_ended_ = false;
};

}  // namespace daphnis::uv
