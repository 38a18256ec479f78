#include "common/uv/tls/handshakes.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/uv/tls/fd_wire.h"

namespace daphnis::uv {

Handshakes::Handshakes(Loop& loop, Log& log, std::string_view peers,
                       std::function<void(Done)> on_done)
    : on_done_(std::move(on_done)),
      pending_(loop, log,
               {.sockets_max = limits::kTlsHandshakesMax,
                .time_ms = limits::kTlsHandshakeMs,
                .too_many = "too many others are in their handshakes",
                .too_late = "it was not done in time",
                .log_line = LogLine("handshake_failed").add("for", peers),
                .log_count_key = "failed",
                .log_every_ms = limits::kTlsFailuresLogMs},
               {.on_ready = [this](Pending::Place place, int) { on_ready(place); },
                .on_refused =
                    [this](Pending::Place place) {
                      if (place->progress.is_due) std::erase(due_, place);
                    }}),
      turn_(loop, [this](size_t) { on_turn(); }) {}

void Handshakes::add(UniqueFd fd, std::string address) {
  check(has_context(), "a handshake began before there was a certificate");
  const Pending::Place place =
      pending_.add(std::move(fd), std::move(address), {.session = tls::Session::accept(context_)});
  place->poll->want(UV_READABLE);
}

void Handshakes::on_ready(Pending::Place place) {
  place->poll->want(0);
  place->progress.is_due = true;
  due_.push_back(place);
  ask_turn();
}

void Handshakes::ask_turn() {
  if (!std::exchange(is_turn_asked_, true)) turn_.start();
}

void Handshakes::on_turn() {
  is_turn_asked_ = false;
  for (size_t steps = 0; steps < limits::kTlsHandshakeStepsPerTurn && !due_.empty(); ++steps) {
    const Pending::Place place = due_.front();
    due_.pop_front();
    place->progress.is_due = false;
    step(place);
  }
  if (!due_.empty()) ask_turn();
}

void Handshakes::step(Pending::Place place) {
  FdWire wire(place->poll->fd());
  tls::Session& session = *place->progress.session;
  switch (session.handshake(wire)) {
    case tls::Session::Handshake::kDone:
      return finish(place);
    case tls::Session::Handshake::kWantsRead:
      return place->poll->want(UV_READABLE);
    case tls::Session::Handshake::kWantsWrite:
      return place->poll->want(UV_WRITABLE);
    case tls::Session::Handshake::kFailed:
      return pending_.refuse(place, session.problem());
  }
}

void Handshakes::finish(Pending::Place place) {
  auto [fd, address, under_way] = pending_.take(place);
  ++(under_way.session->is_resumed() ? resumed_ : full_);
  on_done_({.fd = std::move(fd),
            .session = std::move(under_way.session),
            .address = std::move(address)});
}

}  // namespace daphnis::uv
