#include "common/tls/tickets.h"

#include <algorithm>
#include <utility>

namespace daphnis::tls {

void Tickets::keep(const std::string& peer, TicketPtr ticket) {
  tickets_.push_front({peer, std::move(ticket)});
  size_t of_peer = 0;
  std::erase_if(tickets_,
                [&](const Kept& kept) { return kept.peer == peer && ++of_peer > kPerPeerMax; });
  if (tickets_.size() > kTicketsMax) tickets_.pop_back();
}

TicketPtr Tickets::take(const std::string& peer) {
  const auto found = std::ranges::find(tickets_, peer, &Kept::peer);
  if (found == tickets_.end()) return nullptr;
  if (SSL_SESSION_get_protocol_version(found->ticket.get()) < TLS1_3_VERSION) {
    return TicketPtr(SSL_SESSION_dup(found->ticket.get()));
  }
  TicketPtr ticket = std::move(found->ticket);
  tickets_.erase(found);
  return ticket;
}

void Tickets::forget(const std::string& peer) {
  std::erase_if(tickets_, [&](const Kept& kept) { return kept.peer == peer; });
}

}  // namespace daphnis::tls
