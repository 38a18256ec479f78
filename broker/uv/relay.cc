#include "broker/uv/relay.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/base/limits.h"

namespace daphnis::broker::uv {
namespace {

using daphnis::uv::ByteStream;
using daphnis::uv::UniqueFd;

/// Pauses `from` where `to` has too much that is not taken, and goes on at half of that.
void pace(ByteStream& from, const ByteStream& to) {
  if (to.unsent_bytes() >= limits::kRelayBytesMax) from.stop();
  if (to.unsent_bytes() <= limits::kRelayBytesMax / 2) from.start();
}

}  // namespace

Relay::Relay(daphnis::uv::Loop& loop, std::unique_ptr<ByteStream> l2, std::function<void()> on_over)
    : l2_(std::move(l2)), on_over_(std::move(on_over)), over_(loop, [this] { end_now(); }) {}

Result<std::unique_ptr<Relay>> Relay::create(daphnis::uv::Loop& loop,
                                             std::unique_ptr<ByteStream> l2,
                                             std::function<void()> on_over) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_sys(errno, "cannot make a socket pair");
  }
  UniqueFd ours(ends[0]);
  UniqueFd given(ends[1]);
  std::unique_ptr<Relay> relay(new Relay(loop, std::move(l2), std::move(on_over)));
  relay->given_.cookie = daphnis::uv::socket_cookie(given.get());
  relay->given_.fd = std::move(given);
  relay->pair_ = std::make_unique<daphnis::uv::Stream>(
      daphnis::uv::tcp_of(loop, std::move(ours)),
      ByteStream::Events{
          .on_bytes =
              [self = relay.get()](Bytes bytes) {
                self->l2_->write(std::string(as_text(bytes)));
                pace(*self->pair_, *self->l2_);
              },
          .on_end = [self = relay.get()](const std::string&) { self->on_pair_end(); },
          .on_taken =
              [self = relay.get()] {
                if (!self->has_l2_ended_) pace(*self->l2_, *self->pair_);
              }});
  relay->pair_->start();
  return relay;
}

void Relay::on_l2_bytes(Bytes bytes) {
  if (has_pair_ended_) return;  // The early reply is written; the rest is read and dropped.
  pair_->write(std::string(as_text(bytes)));
  pace(*l2_, *pair_);
}

void Relay::on_l2_taken() {
  if (!has_pair_ended_) pace(*pair_, *l2_);
}

void Relay::on_l2_end(const std::string& why) {
  has_l2_ended_ = true;
  // A stream that broke off must not look as if its sender had ended it.
  if (!why.empty() || has_pair_ended_) return end_soon();
  pair_->shutdown();
}

void Relay::on_pair_end() {
  has_pair_ended_ = true;
  l2_->shutdown();
  if (has_l2_ended_) return end_soon();
  l2_->start();
  over_.start(limits::kRelayLingerMs);
}

/// Ends in a later turn, since the caller may be an event of what is destroyed then.
void Relay::end_soon() {
  over_.start(0);
}

void Relay::end_now() {
  const auto on_over = std::move(on_over_);
  on_over();
}

}  // namespace daphnis::broker::uv
