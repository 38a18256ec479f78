#pragma once

#include <memory>
#include <span>

#include "common/tls/session.h"
#include "worker/driver/driven_socket.h"

namespace daphnis::worker {

/// A socket on which TLS is spoken: what its driver reads and writes is the content of records on
/// the socket below. A part of a file is encrypted from where it was read to, and goes from there
/// to the socket. Owned by its SocketDriver; owns the session and the socket below.
class TlsSocket final : public DrivenSocket, private SocketUser {
 public:
  /// The session's handshake is done.
  TlsSocket(std::unique_ptr<DrivenSocket> below, std::unique_ptr<tls::Session> session);

  [[nodiscard]] uint64_t cookie() const override { return below_->cookie(); }
  void start(SocketUser& user) override;
  [[nodiscard]] SocketRead read(std::span<uint8_t> first, std::span<uint8_t> second) override;
  [[nodiscard]] SocketWritten write(std::span<const Bytes> views, bool has_more) override;
  [[nodiscard]] FileSent send(const FileRange& piece) override { return send_looked(piece); }
  [[nodiscard]] FileBytes look(const FileRange& piece) override { return below_->look(piece); }
  [[nodiscard]] bool has_unsent() const override { return session_->has_unsent(); }
  void end_output() override;
  void set_cork(bool is_corked) override { below_->set_cork(is_corked); }
  void shut_down() override;
  void set_reset_on_close(bool resets) override { below_->set_reset_on_close(resets); }
  void want(Readiness wanted) override;
  [[nodiscard]] std::optional<size_t> unacknowledged_bytes() override {
    return below_->unacknowledged_bytes();
  }

 private:
  class Records;

  void on_ready(Readiness ready, uint64_t now_ms) override;
  void on_file_warm(uint64_t now_ms) override;

  std::unique_ptr<DrivenSocket> below_;
  std::unique_ptr<tls::Session> session_;
  SocketUser* user_ = nullptr;  ///< Set by start().
  Readiness wanted_;
};

}  // namespace daphnis::worker
