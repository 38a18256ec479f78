#include <optional>
#include <utility>

#include "broker/l2_http/l2_server.h"
#include "common/ipld/multihash_key.h"

/// The part of the server that keeps what an L2 announces (DESIGN 3.1).
namespace daphnis::broker {

void L2Server::take_root(L2Connection& connection, HoldingsParser::Verb verb, const Cid& root,
                         uint64_t now_ms) {
  // The L2 may have been lost, or have registered anew, while the body came.
  L2* l2 = registrations_.registry().find(connection.l2);
  if (!l2 || l2->session != connection.session) return;
  Claims& claims = registrations_.claims();
  const uint64_t key = key_of_multihash(root);
  if (verb == HoldingsParser::Verb::kRemove && !connection.may_remove) {
    connection.has_tried_remove = true;
    return;
  }
  if (verb == HoldingsParser::Verb::kRemove) {
    connection.holdings_removed += claims.withdraw(connection.l2, key) ? 1 : 0;
    return;
  }
  const Claims::Announced announced = claims.announce(*l2, key, now_ms);
  if (announced == Claims::Announced::kKept) {
    ++connection.holdings_added;
    dispatcher_.on_announced(key);
    return;
  }
  context_.counters.holdings_over_bound += announced == Claims::Announced::kFull ? 1 : 0;
  l2->is_announcement_cut = true;
  l2->is_complete = false;
}

void L2Server::count_junk_lines(const L2Connection& connection) {
  context_.counters.holdings_junk_lines += connection.holdings->junk();
}

/// Takes at its end what an announcement says of the whole. It must come from the L2 itself, since
/// it keeps others from asking the L2, and it must be true of what is known here.
void L2Server::take_completeness(const L2Connection& connection) {
  L2* l2 = registrations_.registry().find(connection.l2);
  if (!l2 || l2->session != connection.session) return;
  if (connection.holdings->junk() > 0) {
    l2->is_announcement_cut = true;
    l2->is_complete = false;
  }
  const bool may_say = connection.may_remove && speaks_v2(l2->capabilities());
  const std::optional<bool> says = connection.holdings->is_complete();
  if (!says || !may_say) return;
  const bool was_complete = std::exchange(l2->is_complete, *says && !l2->is_announcement_cut);
  if (!*says || was_complete) return;
  Counters& counters = context_.counters;
  ++(l2->is_complete ? counters.holdings_complete : counters.holdings_complete_void);
}

bool L2Server::refuse_removal(L2Connection& connection, uint64_t now_ms) {
  count_junk_lines(connection);
  return end_with(connection, 403, "session_needed",
                  "remove needs the Daphnis-Session of the registration", now_ms);
}

}  // namespace daphnis::broker
