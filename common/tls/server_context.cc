#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "common/base/limits.h"
#include "common/tls/certificate.h"
#include "common/tls/context.h"
#include "common/tls/context_parts.h"

namespace daphnis::tls {
namespace {

/// The time in which a ticket resumes its session, in seconds.
constexpr long kTicketSeconds = 24L * 60 * 60;

/// The certificates of both kinds of keys for the same names.
struct Named {
  std::vector<std::string> names;
  X509Ptr leaf;  ///< One of them, to ask for which names it is.
  SslCtxPtr ctx;
};

class ServerContext final : public Context {
 public:
  explicit ServerContext(const ServerSettings& settings)
      : keys_(settings.ticket_keys),
        client_ca_(settings.client_ca),
        client_ca_name_(settings.client_ca_name) {}
  [[nodiscard]] ssl_ctx_st* raw() const override { return named_.front().ctx.get(); }

  [[nodiscard]] Result<void> add(const CertificateText& text) {
    const auto certificate = read_certificate(text);
    if (!certificate) return std::unexpected(certificate.error());
    const auto ctx = ctx_for(*certificate);
    if (!ctx) return std::unexpected(ctx.error());
    return use_certificate(*ctx, *certificate, text);
  }

 private:
  [[nodiscard]] Result<SSL_CTX*> ctx_for(const Certificate& certificate) {
    std::vector<std::string> names = certified_names(*certificate.leaf).hosts;
    const auto found = std::ranges::find(named_, names, &Named::names);
    if (found != named_.end()) return found->ctx.get();
    auto made = new_ctx();
    if (!made) return std::unexpected(made.error());
    X509_up_ref(certificate.leaf.get());
    named_.push_back({std::move(names), X509Ptr(certificate.leaf.get()), std::move(*made)});
    return named_.back().ctx.get();
  }

  [[nodiscard]] Result<SslCtxPtr> new_ctx() {
    SslCtxPtr ctx = new_ssl_ctx(TLS_server_method());
    SSL_CTX_set_timeout(ctx.get(), kTicketSeconds);
    // A client may end its side without a word and still read: its requests say how long they are.
    SSL_CTX_set_options(ctx.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_alpn_select_cb(ctx.get(), choose_protocol, nullptr);
    SSL_CTX_set_tlsext_servername_callback(ctx.get(), choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(ctx.get(), this);
    if (!keys_.empty()) {
      SSL_CTX_set_app_data(ctx.get(), this);
      SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx.get(), open_ticket);
    }
    if (client_ca_.empty()) return ctx;
    if (auto trusted = trust(ctx.get(), client_ca_, client_ca_name_); !trusted) {
      return std::unexpected(trusted.error());
    }
    SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // A session resumes only where the same CAs are trusted as when its client was proven.
    std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(client_ca_.data(), client_ca_.size(), digest.data(), &size, EVP_sha256(), nullptr);
    SSL_CTX_set_session_id_context(ctx.get(), digest.data(), size);
    return ctx;
  }

  static int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                             const unsigned char* offered, unsigned offered_size, void*) {
    // The first of these that was offered; each has its length before it (RFC 7301, section 3.1).
    static constexpr std::array<unsigned char, 18> kServed{
        8, 'h', 't', 't', 'p', '/', '1', '.', '1', 8, 'h', 't', 't', 'p', '/', '1', '.', '0'};
    unsigned char* found = nullptr;
    const int how =
        SSL_select_next_proto(&found, size, kServed.data(), kServed.size(), offered, offered_size);
    *chosen = found;
    return how == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int choose_certificate(SSL* ssl, int*, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    const auto& all = static_cast<const ServerContext*>(self)->named_;
    const auto found = std::ranges::find_if(all, [name](const Named& named) {
      return X509_check_host(named.leaf.get(), name, 0, 0, nullptr) == 1;
    });
    if (found != all.end()) SSL_set_SSL_CTX(ssl, found->ctx.get());
    return SSL_TLSEXT_ERR_OK;
  }

  /// Encrypts or decrypts a ticket with AES-256-CBC and HMAC-SHA-256 (RFC 5077, section 4).
  static int open_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, int makes) {
    const auto* self =
        static_cast<const ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const TicketKeys::Key* key = &self->keys_.first();
    if (makes == 1) {
      std::ranges::copy(key->name, name);
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    } else {
      key = self->keys_.find(std::span<const uint8_t, 16>(name, 16));
      if (key == nullptr) return 0;
    }
    char digest[] = "SHA256";
    auto* hmac = const_cast<uint8_t*>(key->hmac.data());
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, key->hmac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(mac, params) != 1 ||
        EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->aes.data(), iv, makes) != 1) {
      return -1;
    }
    // 2: opened, and a ticket of the first key is to take its place, as it must where a ticket is
    // good for one session (RFC 8446, appendix C.4).
    const bool is_spent = SSL_version(ssl) >= TLS1_3_VERSION || key != &self->keys_.first();
    return makes == 0 && is_spent ? 2 : 1;
  }

  TicketKeys keys_;
  std::string client_ca_;
  std::string client_ca_name_;
  std::vector<Named> named_;
};

}  // namespace

Result<std::shared_ptr<const Context>> server_context(const ServerSettings& settings) {
  if (settings.certificates.empty()) return fail(Errc::kInvalid, "there is no certificate");
  if (settings.certificates.size() > limits::kTlsCertificatesMax) {
    return fail(Errc::kTooLarge, "there are too many certificates");
  }
  auto context = std::make_shared<ServerContext>(settings);
  for (const CertificateText& text : settings.certificates) {
    if (auto added = context->add(text); !added) return std::unexpected(added.error());
  }
  return context;
}

}  // namespace daphnis::tls
