#include "l2/uv/link.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/http/http_head.h"
#include "l2/core/tls_advice.h"

namespace daphnis::l2 {

Link::Link(uv::Loop& loop, const L1Url& to, std::shared_ptr<const tls::Context> tls)
    : loop_(loop),
      to_(to),
      tls_(std::move(tls)),
      later_(loop, [this] { std::shared_ptr(events_)->on_ready(); }),
      is_alive_(std::make_shared<bool>(true)) {}

Link::~Link() {
  *is_alive_ = false;
}

void Link::begin(Events events) {
  check(exchanges_ == 0 || is_idle_, "an exchange began on a link that is in use");
  events_ = std::make_shared<const Events>(std::move(events));
  is_idle_ = false;
  ++exchanges_;
  if (stream_) {
    later_.start(0);
  } else {
    connect();
  }
}

void Link::rest(std::function<void()> on_gone) {
  check(is_idle_, "a link in use was laid to rest");
  events_ = std::make_shared<const Events>(
      Events{.on_ready = nullptr,
             .on_lost = [on_gone = std::move(on_gone)](const std::string&) { on_gone(); }});
}

std::string Link::trailer(std::string_view name) const {
  const auto& all = parser_.trailers();
  const auto at = std::ranges::find_if(all, [name](const http::Header& field) {
    return http::equals_ignoring_case(field.name, name);
  });
  return at == all.end() ? std::string() : at->value;
}

void Link::connect() {
  dial_ = std::make_unique<Dial>(loop_, to_, [this](Result<uv::UvPtr<uv_tcp_t>> result) {
    if (!result) return lose(result.error().text());
    dial_.reset();
    if (to_.is_tls) return shake_hands(std::move(*result));
    open(std::make_unique<uv::Stream>(std::move(*result), stream_events()));
  });
}

void Link::shake_hands(uv::UvPtr<uv_tcp_t> tcp) {
  handshake_ = std::make_unique<ClientHandshake>(
      loop_, std::move(tcp), tls::Session::connect(tls_, to_.host, to_.port),
      [this](ClientHandshake::Done done) {
        if (!done.tcp) {
          fault_ = done.session->fault();
          advice_ = advice_for(fault_, to_);
          return lose(done.why);
        }
        handshake_.reset();
        auto stream = std::make_unique<uv::TlsStream>(loop_, std::move(done.tcp),
                                                      std::move(done.session), stream_events());
        tls_stream_ = stream.get();
        open(std::move(stream));
      });
}

uv::ByteStream::Events Link::stream_events() {
  return {.on_bytes = [this](Bytes bytes) { on_bytes(bytes); },
          .on_end = [this](const std::string& why) { on_closed(why); },
          .on_drained =
              [this] {
                const auto events = events_;
                if (events->on_drained) events->on_drained();
              }};
}

void Link::open(std::unique_ptr<uv::ByteStream> stream) {
  stream_ = std::move(stream);
  stream_->start();
  std::shared_ptr(events_)->on_ready();
}

void Link::on_bytes(Bytes bytes) {
  using Event = http::Parser::Event;
  if (!std::exchange(has_read_, true) && !to_.is_tls) advice_ = advice_for_no_http(bytes, to_);
  if (is_idle_) return lose("the L1 spoke out of turn");
  const std::shared_ptr<bool> is_alive = is_alive_;
  while (*is_alive) {
    const auto events = events_;
    const http::Parser::Step step = parser_.step(bytes);
    bytes = bytes.subspan(step.consumed);
    switch (step.event) {
      case Event::kNeedMore:
        return;
      case Event::kHead:
        if (events->on_head) events->on_head(parser_.head());
        break;
      case Event::kBody:
        if (events->on_body) events->on_body(step.body);
        break;
      case Event::kRefused:
        return lose(std::string(parser_.refusal().detail));
      case Event::kEnd:
        is_idle_ = parser_.head().keep_alive && bytes.empty() && is_drained();
        if (events->on_end) events->on_end();
        return;
    }
  }
}

void Link::on_closed(const std::string& why) {
  const auto events = events_;
  if (is_idle_) return lose("");
  if (parser_.on_eof() == http::Parser::Event::kEnd) {
    if (events->on_end) events->on_end();
    return;
  }
  if (tls_stream_) {
    fault_ = tls_stream_->fault();
    advice_ = advice_for(fault_, to_);
  } else if (!has_read_) {
    advice_ = advice_for_no_http({}, to_);
  }
  lose(why.empty() ? "the L1 closed the connection" : why);
}

void Link::lose(const std::string& why) {
  const auto events = events_;
  is_idle_ = false;
  if (events->on_lost) events->on_lost(why);
}

}  // namespace daphnis::l2
