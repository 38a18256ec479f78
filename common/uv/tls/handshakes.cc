#include "common/uv/tls/handshakes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/uv/tls/fd_wire.h"

namespace daphnis::uv {

Handshakes::Handshakes(Loop& loop, Log& log, std::string_view peers,
                       std::function<void(Done)> on_done)
    : loop_(loop),
      log_(log),
      peers_(peers),
      on_done_(std::move(on_done)),
      turn_(loop, [this](size_t) { on_turn(); }),
      deadline_(loop, [this] { on_deadline(); }) {}

void Handshakes::reload(const TlsFiles& files) {
  if (!has_context()) return;
  auto context = read_server_context(files);
  if (!context) {
    log_.error(
        LogLine("certificates_not_reloaded").add("for", peers_).add("why", context.error().text()));
    return;
  }
  set_context(std::move(*context));
  log_.info(
      LogLine("certificates_reloaded").add("for", peers_).add("count", files.certificates.size()));
}

void Handshakes::add(UniqueFd fd, std::string address) {
  check(has_context(), "a handshake began before there was a certificate");
  if (under_way_.size() >= limits::kTlsHandshakesMax) {
    fail(under_way_.begin(), "too many others are in their handshakes");
  }
  under_way_.emplace_back();
  const Place place = std::prev(under_way_.end());
  place->address = std::move(address);
  place->deadline_ms = loop_.now_ms() + limits::kTlsHandshakeMs;
  place->session = tls::Session::accept(context_);
  place->poll.emplace(loop_, std::move(fd), [this, place](int) { on_ready(place); });
  place->poll->want(UV_READABLE);
  arm();
}

void Handshakes::on_ready(Place place) {
  place->poll->want(0);
  place->is_due = true;
  due_.push_back(place);
  ask_turn();
}

void Handshakes::ask_turn() {
  if (!std::exchange(is_turn_asked_, true)) turn_.start();
}

void Handshakes::on_turn() {
  is_turn_asked_ = false;
  for (size_t steps = 0; steps < limits::kTlsHandshakeStepsPerTurn && !due_.empty(); ++steps) {
    const Place place = due_.front();
    due_.pop_front();
    place->is_due = false;
    step(place);
  }
  if (!due_.empty()) ask_turn();
}

void Handshakes::step(Place place) {
  FdWire wire(place->poll->fd());
  switch (place->session->handshake(wire)) {
    case tls::Session::Handshake::kDone:
      return finish(place);
    case tls::Session::Handshake::kWantsRead:
      return place->poll->want(UV_READABLE);
    case tls::Session::Handshake::kWantsWrite:
      return place->poll->want(UV_WRITABLE);
    case tls::Session::Handshake::kFailed:
      return fail(place, std::string(place->session->problem()));
  }
}

void Handshakes::finish(Place place) {
  ++(place->session->is_resumed() ? counts_.resumed : counts_.full);
  Done done{.fd = place->poll->release(),
            .session = std::move(place->session),
            .address = std::move(place->address)};
  under_way_.erase(place);
  on_done_(std::move(done));
}

void Handshakes::fail(Place place, std::string_view why) {
  ++counts_.failed;
  const uint64_t now_ms = loop_.now_ms();
  if (now_ms >= next_log_ms_) {
    next_log_ms_ = now_ms + limits::kTlsFailuresLogMs;
    log_.warn(LogLine("handshake_failed")
                  .add("for", peers_)
                  .add("from", place->address)
                  .add("why", why)
                  .add("failed", counts_.failed));
  }
  if (place->is_due) std::erase(due_, place);
  under_way_.erase(place);
}

void Handshakes::on_deadline() {
  while (!under_way_.empty() && loop_.now_ms() >= under_way_.front().deadline_ms) {
    fail(under_way_.begin(), "it was not done in time");
  }
  arm();
}

void Handshakes::arm() {
  if (under_way_.empty() || deadline_.is_active()) return;
  const uint64_t now_ms = loop_.now_ms();
  const uint64_t deadline_ms = under_way_.front().deadline_ms;
  deadline_.start(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

}  // namespace daphnis::uv
