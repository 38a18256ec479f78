#pragma once

#include <cstdint>
#include <string>

#include "common/base/uuid.h"
#include "common/ipc/ipc_cache.h"
#include "common/request/stream_shape.h"

/// The messages about direct deliveries: POSTs of L2s that come to the worker itself, and not by
/// the broker (docs/ipc.md). All of them are of version 7. Part of ipc_messages.h.
namespace daphnis::ipc {

// --- Worker to broker ---

/// How L2s reach the worker itself. Sent again where that changes.
struct DirectReady {
  bool has_certificates = false;   ///< It takes sockets by DirectSocket.
  bool asks_certificates = false;  ///< It lets in only L2s with a certificate of --l2-client-ca.
  uint16_t port = 0;               ///< Its own, for plain text; 0: none.
  uint16_t tls_port = 0;           ///< Its own, for TLS; 0: none.
  static void fields(auto& m, auto&& f) {
    f(m.has_certificates, m.asks_certificates, m.port, m.tls_port);
  }
};

/// What an L2 has said by a direct delivery.
enum class DirectSays : uint8_t {
  kCar,                 ///< It has begun to send a CAR; AttemptEnded follows.
  kLacksRoot,           ///< Not-found, as NotFound has it.
  kLacksBlock,          ///< The same.
  kLacks,               ///< The same.
  kLate,                ///< It came after AttemptOver, and was answered 410.
  kAcknowledgesCancel,  ///< It does not begin with what it was told is cancelled; the same.
  kIsOther,             ///< It has the certificate of another L2: 403, and the attempt goes on.
  kInClear,             ///< It came in plain text and was ordered over TLS; the same.
};
inline constexpr DirectSays kDirectSaysLast = DirectSays::kInClear;

/// A direct delivery has come for an attempt of which AttemptOut told. Sent before all else that
/// comes of it. No reply of its own: where the broker has ended the attempt meanwhile, AttemptOver
/// is on its way.
struct DirectDelivery {
  Uuid attempt_id{};
  DirectSays says = DirectSays::kCar;
  static void fields(auto& m, auto&& f) { f(m.attempt_id, m.says); }
};

/// A direct POST has come for an attempt of which the worker knows nothing. Its AttemptOut may be
/// on its way, since an order and what tells the worker of it go different ways. Reply:
/// AttemptAnswer.
struct AttemptQuestion {
  Uuid attempt_id{};
  static void fields(auto& m, auto&& f) { f(m.attempt_id); }
};

// --- Broker to worker ---

/// What the broker had to say of the attempt is in the messages before this one.
struct AttemptAnswer {
  Uuid attempt_id{};
  /// The broker knows of the attempt, and the worker cannot: its POST belongs to the broker.
  bool is_elsewhere = false;
  static void fields(auto& m, auto&& f) { f(m.attempt_id, m.is_elsewhere); }
};

/// An order of a fetch has gone out to an L2 that was told the worker's own address: its delivery
/// may come to the worker, which takes it by itself. The fields are those of Handoff but for the
/// last two.
struct AttemptOut {
  uint64_t fetch_id = 0;
  Uuid attempt_id{};
  StreamShape shape = StreamShape::kExact;
  uint32_t attempt_number = 0;
  std::string l2_id;
  Admission admission = Admission::kNo;
  bool needs_certificate = false;  ///< One of that L2: it has proven its id by one.
  bool needs_tls = false;          ///< It was ordered over TLS.
  static void fields(auto& m, auto&& f) {
    f(m.fetch_id, m.attempt_id, m.shape, m.attempt_number, m.l2_id, m.admission,
      m.needs_certificate, m.needs_tls);
  }
};

/// The attempt has ended without a direct delivery, as far as the broker knows: a further one gets
/// 409 where it `was_delivered`, else 410. One that has begun ends as cancelled. Not sent where a
/// Handoff of the attempt says the same.
struct AttemptOver {
  Uuid attempt_id{};
  bool was_delivered = false;
  static void fields(auto& m, auto&& f) { f(m.attempt_id, m.was_delivered); }
};

/// A connection on which a client of TLS has asked for the worker's own name. Carries its socket,
/// of which nothing was read. Where none came, or another, nothing follows.
struct DirectSocket {
  uint64_t cookie = 0;  ///< SO_COOKIE of the socket that travels with this frame.
  std::string address;  ///< The client's, without port: behind a proxy not that of the socket.
  static void fields(auto& m, auto&& f) { f(m.cookie, m.address); }
};

}  // namespace daphnis::ipc
