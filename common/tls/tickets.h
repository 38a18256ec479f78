#pragma once

#include <list>
#include <string>

#include "common/tls/openssl.h"

/// For the sources of this folder alone.
namespace daphnis::tls {

using TicketPtr = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;

/// What servers gave a client to resume its sessions with, by server: the newest
/// kPerPeerMax of each, and kTicketsMax in all. Owned by the client's Context.
class Tickets {
 public:
  static constexpr size_t kTicketsMax = 64;
  static constexpr size_t kPerPeerMax = 8;

  void keep(const std::string& peer, TicketPtr ticket);
  /// The newest ticket of that server; null: there is none. One of TLS 1.3 is good for one session
  /// (RFC 8446, appendix C.4) and is forgotten.
  [[nodiscard]] TicketPtr take(const std::string& peer);
  /// Forgets all tickets of a server with which a session failed.
  void forget(const std::string& peer);

  [[nodiscard]] size_t size() const { return tickets_.size(); }

 private:
  struct Kept {
    std::string peer;
    TicketPtr ticket;
  };
  std::list<Kept> tickets_;  ///< The newest first.
};

}  // namespace daphnis::tls
