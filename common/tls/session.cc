#include "common/tls/session.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/base/ip_address.h"
#include "common/base/limits.h"
#include "common/tls/context_parts.h"
#include "common/tls/tickets.h"
#include "common/tls/verdict.h"

namespace daphnis::tls {
namespace {

/// What is read of a wire at once. There is one thread, and what a call leaves of it is kept apart.
std::span<uint8_t> read_scratch() {
  static std::array<uint8_t, limits::kTlsReadBytes> scratch;
  return scratch;
}

/// Where small views are put together to a record.
std::span<uint8_t> write_scratch() {
  static std::array<uint8_t, limits::kTlsRecordBytes> scratch;
  return scratch;
}

/// What is left of the views of one write.
struct ViewsLeft {
  std::span<const Bytes> views;
  size_t skipped = 0;  ///< Bytes of the first view that were taken.

  [[nodiscard]] Bytes first() const { return views.front().subspan(skipped); }
  /// Takes bytes off the first view, and the view off the others once it is used up.
  void take(size_t bytes) {
    skipped += bytes;
    if (skipped < views.front().size()) return;
    views = views.subspan(1);
    skipped = 0;
  }
};

/// Copies as many bytes as there are and fit, and returns what was filled.
Bytes gather(ViewsLeft& left, std::span<uint8_t> into) {
  size_t filled = 0;
  while (!left.views.empty() && filled < into.size()) {
    const Bytes part = left.first().first(std::min(left.first().size(), into.size() - filled));
    std::copy_n(part.data(), part.size(), into.data() + filled);
    filled += part.size();
    left.take(part.size());
  }
  return into.first(filled);
}

}  // namespace

/// OpenSSL's reads and writes of a session's wire.
struct SessionBio {
  static Session& of(BIO* bio) { return *static_cast<Session*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, size_t size, size_t* taken) {
    Session& session = of(bio);
    BIO_clear_retry_flags(bio);
    if (session.input_.empty() && !session.refill()) {
      if (session.read_outcome_ == Moved::Outcome::kBlocked) BIO_set_retry_read(bio);
      return 0;
    }
    *taken = std::min(size, session.input_.size());
    std::memcpy(out, session.input_.data(), *taken);
    session.input_ = session.input_.subspan(*taken);
    return 1;
  }

  static int write(BIO* bio, const char* bytes, size_t size, size_t* taken) {
    Session& session = of(bio);
    BIO_clear_retry_flags(bio);
    const Moved moved =
        session.wire_->write({reinterpret_cast<const uint8_t*>(bytes), size}, session.has_more_);
    *taken = moved.bytes;
    if (moved.outcome == Moved::Outcome::kBytes) return 1;
    if (moved.outcome == Moved::Outcome::kBlocked) BIO_set_retry_write(bio);
    return 0;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return of(bio).read_outcome_ == Moved::Outcome::kEnd ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
      check(method != nullptr, "there is no memory");
      BIO_meth_set_read_ex(method, read);
      BIO_meth_set_write_ex(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }
};

/// OpenSSL's calls for a session of the side that connects.
struct SessionCalls {
  static Session& of(const SSL* ssl) { return *static_cast<Session*>(SSL_get_app_data(ssl)); }

  /// `is_good`: nothing is wrong with what was checked so far.
  static int on_certificate(int is_good, X509_STORE_CTX* found) {
    if (is_good == 1) return 1;
    const void* ssl = X509_STORE_CTX_get_ex_data(found, SSL_get_ex_data_X509_STORE_CTX_idx());
    Session& session = of(static_cast<const SSL*>(ssl));
    Verdict verdict = certificate_verdict(found, session.host_);
    session.fault_ = verdict.fault;
    session.problem_ = std::move(verdict.problem);
    return 0;
  }

  static void on_ticket(const SSL* ssl, const SSL_SESSION* ticket) {
    const Session& session = of(ssl);
    // A copy: OpenSSL spoils its own where a connection is closed without a word.
    TicketPtr copy(SSL_SESSION_dup(ticket));
    if (copy && SSL_SESSION_is_resumable(copy.get()) == 1) {
      session.context_->tickets()->keep(session.peer_, std::move(copy));
    }
  }
};

int on_new_ticket(SSL* ssl, SSL_SESSION* ticket) {
  SessionCalls::on_ticket(ssl, ticket);
  return 0;  // OpenSSL keeps its own.
}

/// The time of one call, in which the session has a wire.
class Session::Use {
 public:
  Use(Session& session, Wire& wire, bool has_more = false) : session_(session) {
    session.wire_ = &wire;
    session.may_read_ = true;
    session.has_more_ = has_more;
    session.read_outcome_ = Moved::Outcome::kBlocked;
    session.input_ = session.kept_;
    ERR_clear_error();
  }
  ~Use() {
    session_.wire_ = nullptr;
    const Bytes before = session_.kept_;
    const Bytes left = session_.input_;
    // A vector of its own size, so that an idle session keeps none.
    if (left.size() != before.size() || (!left.empty() && left.data() != before.data())) {
      session_.kept_ = std::vector<uint8_t>(left.begin(), left.end());
    }
    session_.input_ = {};
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Session& session_;
};

Session::Session(std::shared_ptr<const Context> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->raw())) {
  BIO* bio = BIO_new(SessionBio::method());
  check(ssl_ != nullptr && bio != nullptr, "there is no memory");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

Session::~Session() {
  SSL_free(ssl_);
}

std::unique_ptr<Session> Session::accept(std::shared_ptr<const Context> context) {
  std::unique_ptr<Session> session(new Session(std::move(context)));
  SSL_set_accept_state(session->ssl_);
  return session;
}

std::unique_ptr<Session> Session::connect(std::shared_ptr<const Context> context,
                                          const std::string& host, uint16_t port) {
  std::unique_ptr<Session> session(new Session(std::move(context)));
  session->host_ = host;
  session->peer_ = host + ":" + std::to_string(port);
  SSL* ssl = session->ssl_;
  SSL_set_connect_state(ssl);
  SSL_set_app_data(ssl, session.get());
  SSL_set_verify(ssl, SSL_VERIFY_PEER, SessionCalls::on_certificate);
  const TicketPtr ticket = session->context_->tickets()->take(session->peer_);
  if (ticket) SSL_set_session(ssl, ticket.get());
  if (IpAddress::parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set1_host(ssl, host.c_str());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
  return session;
}

bool Session::refill() {
  if (!std::exchange(may_read_, false)) return false;
  const std::span<uint8_t> scratch = read_scratch();
  const Moved moved = wire_->read(scratch);
  read_outcome_ = moved.outcome;
  if (moved.outcome != Moved::Outcome::kBytes) return false;
  // A further read in this call finds nothing.
  read_outcome_ = Moved::Outcome::kBlocked;
  input_ = scratch.first(moved.bytes);
  return true;
}

Session::Handshake Session::handshake(Wire& wire) {
  const Use use(*this, wire);
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return Handshake::kDone;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Handshake::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Handshake::kWantsWrite;
    default:
      fail("the connection ended in the handshake");
      if (Tickets* tickets = context_->tickets()) tickets->forget(peer_);
      return Handshake::kFailed;
  }
}

void Session::fail(const std::string& otherwise) {
  Verdict verdict = take_verdict(ssl_, otherwise);
  if (fault_ != Fault::kNone) return;  // What was wrong with the certificate says more.
  fault_ = verdict.fault;
  problem_ = std::move(verdict.problem);
  // The side that was connected to has asked for a certificate.
  if (const long result = SSL_get_verify_result(ssl_); result != X509_V_OK) {
    problem_ = std::string("the certificate is not good: ") + X509_verify_cert_error_string(result);
  }
}

Moved Session::read(Wire& wire, std::span<uint8_t> out) {
  const Use use(*this, wire);
  size_t filled = 0;
  while (filled < out.size()) {
    size_t size = 0;
    const int result = SSL_read_ex(ssl_, out.data() + filled, out.size() - filled, &size);
    if (result == 1) {
      filled += size;
      continue;
    }
    if (filled > 0) break;  // The next call meets the same.
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:  // The reply to a key update goes out with the next write.
        return {.outcome = Moved::Outcome::kBlocked};
      case SSL_ERROR_ZERO_RETURN:
        return {.outcome = Moved::Outcome::kEnd};
      default:
        if (read_outcome_ == Moved::Outcome::kEnd) return {.outcome = Moved::Outcome::kEnd};
        fail("the connection is broken");
        return {.outcome = Moved::Outcome::kLost};
    }
  }
  return {.outcome = Moved::Outcome::kBytes, .bytes = filled};
}

bool Session::has_unread() const {
  return !kept_.empty() || SSL_pending(ssl_) > 0;
}

Session::Written Session::write_record(Bytes content) {
  size_t size = 0;
  const int result = SSL_write_ex(ssl_, content.data(), content.size(), &size);
  if (result == 1) return {.bytes = size};
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_WRITE) {
    // The record is made, so its content counts as taken.
    pending_bytes_ = content.size();
    return {.bytes = content.size(), .is_blocked = true};
  }
  fail("the connection is broken");
  return {.is_lost = true};
}

Session::Written Session::flush(Wire& wire) {
  if (pending_bytes_ == 0) return {};
  const Use use(*this, wire);
  // OpenSSL has the record; it wants the content's size again, and does not look at it.
  Written written = write_record(write_scratch().first(std::exchange(pending_bytes_, 0)));
  written.bytes = 0;
  return written;
}

Session::Written Session::write(Wire& wire, std::span<const Bytes> views, bool has_more) {
  check(!has_unsent(), "a session was written to before it was flushed");
  const Use use(*this, wire);
  Written all;
  ViewsLeft left{views};
  while (!left.views.empty() && !all.is_blocked && !all.is_lost) {
    Bytes content = left.first();
    if (content.size() >= limits::kTlsRecordBytes || left.views.size() == 1) {
      content = content.first(std::min(content.size(), limits::kTlsRecordBytes));
      left.take(content.size());
    } else {
      content = gather(left, write_scratch());
    }
    if (content.empty()) continue;
    has_more_ = has_more || !left.views.empty();
    const Written written = write_record(content);
    all.bytes += written.bytes;
    all.is_blocked = written.is_blocked;
    all.is_lost = written.is_lost;
  }
  return all;
}

void Session::end(Wire& wire) {
  if (has_unsent()) return;
  const Use use(*this, wire);
  static_cast<void>(SSL_shutdown(ssl_));
  ERR_clear_error();
}

std::string Session::peer_name() const {
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return {};
  X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  // Of two names none is the peer's.
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
  const ASN1_STRING* name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
          static_cast<size_t>(ASN1_STRING_length(name))};
}

bool Session::is_resumed() const {
  return SSL_session_reused(ssl_) == 1;
}

}  // namespace daphnis::tls
