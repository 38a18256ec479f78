#include "common/tls/context.h"

#include <openssl/pem.h>

#include "common/base/limits.h"
#include "common/tls/certificate.h"
#include "common/tls/context_parts.h"
#include "common/tls/tickets.h"

namespace daphnis::tls {
namespace {

/// ALPN's list of one name, each with its length before it (RFC 7301, section 3.1).
constexpr std::string_view kAlpn = "\x08http/1.1";
/// The ciphers of TLS 1.2 that are safe today; all have forward secrecy and are authenticated.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

class ClientContext final : public Context {
 public:
  explicit ClientContext(SslCtxPtr ctx) : ctx_(std::move(ctx)) {}
  [[nodiscard]] ssl_ctx_st* raw() const override { return ctx_.get(); }
  [[nodiscard]] Tickets* tickets() const override { return &tickets_; }

 private:
  SslCtxPtr ctx_;
  mutable Tickets tickets_;
};

}  // namespace

SslCtxPtr new_ssl_ctx(const SSL_METHOD* method) {
  SslCtxPtr ctx(SSL_CTX_new(method));
  check(ctx != nullptr, "OpenSSL makes no context");
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  check(SSL_CTX_set_cipher_list(ctx.get(), kCiphers12) == 1, "OpenSSL lacks the ciphers");
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // An idle session keeps no buffers. A write that is repeated may come from another place.
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  return ctx;
}

Result<void> trust(SSL_CTX* ctx, const std::string& ca, const std::string& name) {
  const BioPtr bio = reader_of(ca);
  size_t count = 0;
  while (const X509Ptr next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (++count > limits::kTlsCaCertificatesMax) {
      return fail(Errc::kTooLarge, name + ": too many certificates");
    }
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), next.get());
  }
  const std::string problem = take_error("it is empty");
  if (count > 0) return {};
  return fail(Errc::kMalformed, name + " holds no certificate (PEM): " + problem);
}

Result<std::shared_ptr<const Context>> client_context(const ClientSettings& settings) {
  SslCtxPtr ctx = new_ssl_ctx(TLS_client_method());
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx.get(), on_new_ticket);
  if (settings.ca.empty()) {
    SSL_CTX_set_default_verify_paths(ctx.get());
  } else if (auto trusted = trust(ctx.get(), settings.ca, settings.ca_name); !trusted) {
    return std::unexpected(trusted.error());
  }
  if (settings.certificate) {
    const auto certificate = read_certificate(*settings.certificate);
    if (!certificate) return std::unexpected(certificate.error());
    auto used = use_certificate(ctx.get(), *certificate, *settings.certificate);
    if (!used) return std::unexpected(used.error());
  }
  SSL_CTX_set_alpn_protos(ctx.get(), reinterpret_cast<const uint8_t*>(kAlpn.data()),
                          static_cast<unsigned>(kAlpn.size()));
  return std::make_shared<ClientContext>(std::move(ctx));
}

}  // namespace daphnis::tls
