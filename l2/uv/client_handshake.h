#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/tls/session.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"

namespace daphnis::l2 {

/// Does a client's TLS handshake on a connected handle, within kTlsHandshakeMs. Owned by a link;
/// its destruction cancels it without a call.
class ClientHandshake {
 public:
  /// How it ended; the session tells why it failed.
  struct Done {
    uv::UvPtr<uv_tcp_t> tcp = nullptr;  ///< Null: it failed.
    std::unique_ptr<tls::Session> session;
    std::string why = {};  ///< Why it failed, in plain words.
  };

  /// `on_done` is called once, in a later turn, and may destroy the handshake.
  ClientHandshake(uv::Loop& loop, uv::UvPtr<uv_tcp_t> tcp, std::unique_ptr<tls::Session> session,
                  std::function<void(Done)> on_done);
  ClientHandshake(const ClientHandshake&) = delete;
  ClientHandshake& operator=(const ClientHandshake&) = delete;

 private:
  /// Goes on with the records that came.
  void step(Bytes records);
  void finish();
  void fail(std::string why);

  std::unique_ptr<tls::Session> session_;
  std::function<void(Done)> on_done_;
  uv::Stream records_;
  uv::Timer deadline_;
  bool is_done_ = false;  ///< But its last record may not be written.
};

}  // namespace daphnis::l2
