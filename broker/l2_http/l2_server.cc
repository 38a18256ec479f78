#include "broker/l2_http/l2_server.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/http/http_replies.h"
#include "common/http/http_writer.h"
#include "common/request/delivery_replies.h"

/// The part of the server that moves bytes; l2_routes.cc decides what messages mean.
namespace daphnis::broker {

L2Connection* L2Server::find(ConnId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void L2Server::arm(L2Connection& connection, uint64_t at_ms) {
  context_.timers.set(connection.timer, TimerKind::kConnection,
                      static_cast<uint64_t>(connection.id), at_ms);
}

void L2Server::on_connected(ConnId id, const L2Peer& peer, uint64_t now_ms) {
  ++context_.counters.connections;
  auto made = std::make_unique<L2Connection>(id, peer);
  if (!has_place_for(made->network)) {
    ++context_.counters.connections_refused;
    context_.out.push(CloseL2{id});
    return;
  }
  peers_.add(made->network);
  set_idle(*made, true);
  arm(*made, now_ms + context_.settings.first_head_ms);
  connections_.emplace(id, std::move(made));
}

bool L2Server::has_place_for(Network network) {
  const size_t bound = context_.settings.l2_connections_per_address;
  const bool is_full = bound != 0 && peers_.connections(network) >= bound;
  if (is_full && !displace(peers_.longest_idle(network))) return false;
  return connections_.size() < context_.settings.connections_max || displace(peers_.longest_idle());
}

bool L2Server::displace(std::optional<ConnId> idle) {
  if (!idle) return false;
  ++context_.counters.connections_displaced;
  close(*find(*idle));
  return true;
}

void L2Server::set_idle(L2Connection& connection, bool is_idle) {
  if (is_idle == (connection.idle_turn != 0)) return;
  if (is_idle) {
    connection.idle_turn = peers_.begin_idling(connection.network, connection.id);
  } else {
    peers_.stop_idling(connection.network, connection.id, std::exchange(connection.idle_turn, 0));
  }
}

void L2Server::on_bytes(ConnId id, Bytes bytes, uint64_t now_ms) {
  L2Connection* connection = find(id);
  if (!connection) return;
  const bool is_draining = connection->state == L2Connection::State::kLingering;
  if (!is_draining && connection->state != L2Connection::State::kRegistered) {
    set_idle(*connection, false);
    feed(*connection, bytes, now_ms);
    connection = find(id);
    if (connection) set_idle(*connection, connection->is_idle());
    return;
  }
  connection->drained_bytes += bytes.size();
  if (connection->drains_car) context_.counters.drained_bytes += bytes.size();
  if (is_draining && connection->drained_bytes > limits::kDrainBytesMax) {
    close(*connection);
  } else if (!is_draining && connection->drained_bytes > limits::kRegisteredBytesMax) {
    if (L2* l2 = registrations_.registry().find(connection->l2)) {
      drop(*l2, "it sends where nothing is read", now_ms);
    }
  }
}

void L2Server::feed(L2Connection& connection, Bytes bytes, uint64_t now_ms) {
  bool had_begun = connection.has_begun();
  while (true) {
    const L2Connection::Event event = connection.next(bytes);
    switch (event.kind) {
      case http::Parser::Event::kNeedMore:
        if (connection.state == L2Connection::State::kHead && !had_begun &&
            connection.has_begun()) {
          arm(connection, now_ms + context_.settings.head_ms);
        }
        return;
      case http::Parser::Event::kHead:
        if (!on_head(connection, bytes, now_ms)) return;
        break;
      case http::Parser::Event::kBody:
        if (!on_body(connection, event.body, now_ms)) return;
        break;
      case http::Parser::Event::kEnd:
        on_end(connection, now_ms);
        if (connection.state != L2Connection::State::kHead) return;
        had_begun = false;
        break;
      case http::Parser::Event::kRefused:
        on_refused(connection, now_ms);
        return;
    }
  }
}

void L2Server::on_unsent(ConnId id, size_t unsent_bytes, uint64_t now_ms) {
  L2Connection* connection = find(id);
  if (!connection) return;
  connection->unsent_bytes = unsent_bytes;
  if (connection->state != L2Connection::State::kRegistered) return;
  L2* l2 = registrations_.registry().find(connection->l2);
  if (!l2) return;
  registrations_.on_unsent(*l2, unsent_bytes, now_ms);
  dispatcher_.serve_queue(*l2, now_ms);
}

void L2Server::on_closed(ConnId id, std::string_view why, uint64_t now_ms) {
  L2Connection* connection = find(id);
  if (!connection) return;
  if (connection->state == L2Connection::State::kRegistered) {
    L2* l2 = registrations_.registry().find(connection->l2);
    check(l2 != nullptr, "a registration's connection has no L2");
    dispatcher_.on_registration_lost(*l2, now_ms);
    registrations_.remove(*l2, why.empty() ? "it closed its registration" : why, now_ms);
  }
  close(*connection);
}

void L2Server::on_timer(ConnId id, uint64_t now_ms) {
  L2Connection* connection = find(id);
  if (!connection) return;
  Timers::fired(connection->timer);
  const bool is_reading = connection->state == L2Connection::State::kHoldings ||
                          connection->state == L2Connection::State::kNotFound ||
                          connection->state == L2Connection::State::kReadOut ||
                          connection->has_begun();
  if (connection->state == L2Connection::State::kLingering || !is_reading) {
    close(*connection);
    return;
  }
  if (connection->state == L2Connection::State::kReadOut) {
    end_cancelled(*connection, now_ms);
    return;
  }
  ++context_.counters.connections_timed_out;
  if (looks_like_registration(connection->head_text())) {
    const BadTarget& what = delivery_replies::kTooSlow;
    refuse_registration(*connection, what.code, what.detail, now_ms);
    return;
  }
  end_with(*connection, delivery_replies::kTooSlow, now_ms);
}

void L2Server::drop(L2& l2, std::string_view reason, uint64_t now_ms) {
  const bool is_stuck = l2.is_given_up;
  dispatcher_.on_registration_lost(l2, now_ms);
  const std::unique_ptr<L2Line> line = registrations_.remove(l2, reason, now_ms);
  if (is_stuck) {
    line->cut();
  } else {
    line->end(reason, now_ms);
  }
}

void L2Server::end_revoked(uint64_t now_ms) {
  std::vector<std::pair<L2No, std::string_view>> revoked;
  registrations_.registry().for_each([&](const L2& l2) {
    const auto why =
        context_.auth.reason_to_end(l2.id(), l2.registration.token, l2.registration.is_certified);
    if (why) revoked.emplace_back(l2.no, *why);
  });
  for (const auto& [no, why] : revoked) {
    ++context_.counters.registrations_revoked;
    L2& l2 = *registrations_.registry().find(no);
    dispatcher_.end_streams(l2);
    drop(l2, why, now_ms);
  }
}

void L2Server::linger(ConnId id, uint64_t now_ms) {
  L2Connection* connection = find(id);
  check(connection != nullptr, "an L2's line ends that has no connection");
  linger(*connection, now_ms);
}

void L2Server::close(ConnId id) {
  L2Connection* connection = find(id);
  check(connection != nullptr, "an L2's line is cut that has no connection");
  close(*connection);
}

void L2Server::drain(uint64_t now_ms) {
  is_draining_ = true;
  std::vector<L2No> all;
  registrations_.registry().for_each([&](const L2& l2) { all.push_back(l2.no); });
  for (const L2No no : all) drop(*registrations_.registry().find(no), "the L1 stops", now_ms);
  std::vector<ConnId> others;
  for (const auto& [id, connection] : connections_) {
    if (connection->state != L2Connection::State::kLingering) others.push_back(id);
  }
  std::ranges::sort(others);
  for (const ConnId id : others) {
    L2Connection& connection = *find(id);
    if (connection.has_begun()) {
      end_with(connection, 503, "draining", "this L1 is going away", now_ms);
    } else {
      close(connection);
    }
  }
}

void L2Server::say(L2Connection& connection, std::string bytes) {
  connection.unsent_bytes += bytes.size();
  context_.out.push(WriteL2{connection.id, std::move(bytes)});
}

void L2Server::linger(L2Connection& connection, uint64_t now_ms) {
  connection.state = L2Connection::State::kLingering;
  set_idle(connection, false);
  connection.drained_bytes = 0;
  connection.holdings.reset();
  context_.out.push(ShutdownL2{connection.id});
  arm(connection, now_ms + context_.settings.linger_ms);
}

bool L2Server::end_with(L2Connection& connection, int status, std::string_view code,
                        std::string_view detail, uint64_t now_ms) {
  return end_with(connection, status, code, detail, context_.settings.retry_after_s, now_ms);
}

bool L2Server::end_with(L2Connection& connection, int status, std::string_view code,
                        std::string_view detail, uint32_t retry_after_s, uint64_t now_ms) {
  context_.out.push(WriteL2{
      connection.id, http::reply(status, code, detail, http::Connection::kClose, retry_after_s)});
  linger(connection, now_ms);
  return false;
}

void L2Server::close(L2Connection& connection) {
  context_.out.push(CloseL2{connection.id});
  forget(connection);
}

void L2Server::forget(L2Connection& connection) {
  context_.timers.clear(connection.timer, TimerKind::kConnection,
                        static_cast<uint64_t>(connection.id));
  set_idle(connection, false);
  peers_.remove(connection.network);
  connections_.erase(connection.id);
}

}  // namespace daphnis::broker
