#pragma once

#include <string>

#include "common/base/check.h"
#include "common/base/result.h"
#include "common/tls/openssl.h"

/// What both kinds of Context need; for the sources of this folder alone.
namespace daphnis::tls {

/// An SSL_CTX with what both sides have in common.
[[nodiscard]] SslCtxPtr new_ssl_ctx(const SSL_METHOD* method);
/// Has the context trust these CAs (PEM). Errors: kMalformed, kTooLarge, with that name.
[[nodiscard]] Result<void> trust(SSL_CTX* ctx, const std::string& ca, const std::string& name);
/// OpenSSL's call for a ticket that came in a session of a client.
int on_new_ticket(SSL* ssl, SSL_SESSION* ticket);

}  // namespace daphnis::tls
