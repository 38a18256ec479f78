#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tls/settings.h"
#include "common/tls/ticket_keys.h"

struct ssl_ctx_st;

namespace daphnis::tls {

class Tickets;

/// What all TLS sessions of one side have in common (OpenSSL's SSL_CTX). Its settings never change;
/// shared by its sessions, so that a new one takes the place of an old one without ending anybody's
/// session. TLS 1.2 and 1.3, ALPN `http/1.1` (RFC 7301; servers also take `http/1.0`), no
/// renegotiation, no early data.
class Context {
 public:
  virtual ~Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// For Session.
  [[nodiscard]] virtual ssl_ctx_st* raw() const = 0;
  /// For Session: where a client keeps what its sessions are resumed with; null: a server.
  [[nodiscard]] virtual Tickets* tickets() const { return nullptr; }

 protected:
  Context() = default;
};

/// The side that is connected to.
struct ServerSettings {
  /// 1 to kTlsCertificatesMax. A client gets one for the name that it asks for (RFC 6066, section
  /// 3), or else the first. Where several are for the same names, the client's algorithms decide.
  std::vector<CertificateText> certificates;
  TicketKeys ticket_keys = {};
  /// The certificates (PEM) of the CAs of which a client must show a certificate; empty: it need
  /// not show any.
  std::string client_ca = {};
  std::string client_ca_name = {};  ///< The name that errors use for `client_ca`.
};
/// Errors: kMalformed, kInvalid, with the name of the text that is wrong.
[[nodiscard]] Result<std::shared_ptr<const Context>> server_context(const ServerSettings& settings);

/// The side that connects.
struct ClientSettings {
  /// The certificates (PEM) of the CAs that are trusted; empty: those of the system.
  std::string ca = {};
  std::string ca_name = {};  ///< The name that errors use for `ca`.
  /// Shown to servers that ask for one.
  std::optional<CertificateText> certificate = {};
};
/// Its sessions resume earlier ones of the same peer, by the tickets that the peer gave.
/// Errors: as server_context().
[[nodiscard]] Result<std::shared_ptr<const Context>> client_context(const ClientSettings& settings);

}  // namespace daphnis::tls
