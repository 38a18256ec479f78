#include "l2/uv/client_handshake.h"

#include <utility>

#include "common/base/limits.h"
#include "common/uv/tls/memory_wire.h"

namespace daphnis::l2 {

ClientHandshake::ClientHandshake(uv::Loop& loop, uv::UvPtr<uv_tcp_t> tcp,
                                 std::unique_ptr<tls::Session> session,
                                 std::function<void(Done)> on_done)
    : session_(std::move(session)),
      on_done_(std::move(on_done)),
      records_(std::move(tcp), {.on_bytes = [this](Bytes bytes) { step(bytes); },
                                .on_end =
                                    [this](const std::string& why) {
                                      fail(why.empty()
                                               ? "the L1 closed the connection in the TLS handshake"
                                               : why + " in the TLS handshake");
                                    },
                                .on_drained =
                                    [this] {
                                      if (is_done_) finish();
                                    }}),
      deadline_(loop, [this] { fail("the L1 did not end the TLS handshake in time"); }) {
  deadline_.start(limits::kTlsHandshakeMs);
  records_.start();
  step({});  // Its first message; it cannot fail before there is an answer.
}

void ClientHandshake::step(Bytes records) {
  uv::MemoryWire wire(records);
  const tls::Session::Handshake state = session_->handshake(wire);
  records_.write(wire.take_out());
  if (state == tls::Session::Handshake::kFailed) return fail(session_->problem());
  if (state != tls::Session::Handshake::kDone) return;
  is_done_ = true;
  records_.stop();
  if (records_.unsent_bytes() == 0) finish();
}

void ClientHandshake::finish() {
  deadline_.stop();
  const auto on_done = std::move(on_done_);
  on_done({.tcp = records_.release(), .session = std::move(session_)});
}

void ClientHandshake::fail(std::string why) {
  deadline_.stop();
  records_.stop();
  const auto on_done = std::move(on_done_);
  on_done({.session = std::move(session_), .why = std::move(why)});
}

}  // namespace daphnis::l2
