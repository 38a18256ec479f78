#include "worker/client/client_session.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/http/http_writer.h"

namespace daphnis::worker {

ClientSession::ClientSession(ConnectionId id, Agenda& agenda, SessionContext& context,
                             Client client, uint64_t now_ms)
    : Connection(id, agenda),
      context_(context),
      client_(std::move(client)),
      // A new client is expected to send a request at once; only between requests it may take
      // longer.
      reading_deadline_ms_(now_ms + context.settings.client_head_ms),
      idle_(context.idle_clients, *this),
      half_closed_(context.half_closed, *this) {
  const Settings& settings = context_.settings;
  if (settings.client_field != peer::ClientField::kNone) proxy_ = IpAddress::parse(client_.address);
  if (proxy_ && !settings.trusted_proxies.contains(*proxy_)) proxy_.reset();
  idle_.enter();
  be_called_at(reading_deadline_ms_);
}

bool ClientSession::wants_input() const {
  if (ending_ == Ending::kClose || ending_ == Ending::kReset || has_ended_) return false;
  return phase_ != Phase::kAnswering || unread_.size() < limits::kClientUnreadBytesMax;
}

void ClientSession::on_bytes(const Slice& input, uint64_t now_ms) {
  if (phase_ == Phase::kClosing) {
    if (!lingering_) return;
    lingering_->on_bytes(input.size);
    if (lingering_->is_over(now_ms)) close(Ending::kClose);
    return;
  }
  if (phase_ == Phase::kReading) {
    parse(input.bytes(), now_ms);
  } else {
    unread_.append(as_text(input.bytes()));
  }
}

bool ClientSession::end_looks_whole() const {
  if (!head_left_.empty()) return cut_ending_ == Ending::kReset;
  return exchange_ && exchange_->state() != Exchange::State::kWaiting &&
         framer_->framing() == Framing::kToClose;
}

/// Parses input up to the end of the next request, and keeps the rest in unread_.
void ClientSession::parse(Bytes input, uint64_t now_ms) {
  while (phase_ == Phase::kReading) {
    const http::Parser::Step step = parser_.step(input);
    input = input.subspan(step.consumed);
    switch (step.event) {
      case http::Parser::Event::kNeedMore:
        watch_reading(now_ms);
        return;
      case http::Parser::Event::kHead:
        on_head(now_ms);
        break;
      case http::Parser::Event::kBody:
        body_bytes_ += step.body.size();
        if (body_bytes_ > limits::kRequestBodyBytesMax) refuse(Outcome::kBodyTooLarge, now_ms);
        break;
      case http::Parser::Event::kEnd:
        open_exchange(parser_.take_head(), now_ms);
        if (!input.empty()) unread_.assign(as_text(input));
        context_.sink.on_request(*exchange_, now_ms);
        return;
      case http::Parser::Event::kRefused:
        refuse(parser_.refusal(), now_ms);
        break;
    }
  }
}

void ClientSession::on_head(uint64_t now_ms) {
  const http::Head& head = parser_.head();
  body_bytes_ = 0;
  if (head.content_length.value_or(0) > limits::kRequestBodyBytesMax) {
    refuse(Outcome::kBodyTooLarge, now_ms);
  } else if (head.expects_continue && (head.chunked || head.content_length.value_or(0) > 0)) {
    interim_ = http::kContinue;
  }
}

void ClientSession::watch_reading(uint64_t now_ms) {
  if (parser_.in_message() == in_request_) return;
  in_request_ = parser_.in_message();
  in_request_ ? idle_.leave() : idle_.enter();
  reading_deadline_ms_ = now_ms + (in_request_ ? context_.settings.client_head_ms : idle_ms());
  be_called_at(reading_deadline_ms_);
}

uint64_t ClientSession::idle_ms() const {
  const Settings& settings = context_.settings;
  return context_.is_draining ? std::min(settings.drain_idle_ms, settings.client_idle_ms)
                              : settings.client_idle_ms;
}

/// The client of a request: that of the connection, unless a trusted proxy names another.
Client ClientSession::client_of(const http::Head& head) {
  if (!proxy_) return client_;
  const Settings& settings = context_.settings;
  const IpAddress address =
      peer::client_address(*proxy_, head, settings.client_field, settings.trusted_proxies);
  return {.address = address.text(),
          .network = network_of(address),
          .is_bounded = context_.bounds.apply_to(address)};
}

void ClientSession::open_exchange(http::Head head, uint64_t now_ms) {
  const bool may_keep_alive = head.keep_alive && !is_cut_off_ && !context_.is_draining;
  ExchangeOwner& owner = *this;
  Client client = client_of(head);
  exchange_ =
      std::make_unique<Exchange>(owner, context_.retired, std::move(head), may_keep_alive,
                                 std::move(client), context_.settings.output_high_bytes, now_ms);
  framer_.emplace(*exchange_);
  phase_ = Phase::kAnswering;
  in_request_ = false;
  idle_.leave();
  if (has_ended_) half_closed_.enter();
}

void ClientSession::on_answer(Exchange& exchange, uint64_t now_ms) {
  if (exchange.state() == Exchange::State::kAborted) {
    // A close without the last chunk, or before the length is reached, shows the cut to every
    // client and leaves it the proven bytes. Where the close ends the content, only a reset shows
    // the cut.
    const std::string head_left(framer_->head_left());
    const bool ends_by_close = framer_->framing() == Framing::kToClose;
    const Ending how = ends_by_close ? Ending::kReset : Ending::kClose;
    framer_.reset();
    context_.retired.add(std::move(exchange_));
    context_.sink.on_exchange_over(exchange, Outcome::kCutOff, now_ms);
    cut_off(head_left, how, now_ms);
    return;
  }
  if (exchange.state() == Exchange::State::kWaiting) {  // The answer was taken back.
    framer_.emplace(exchange);
    return;
  }
  // The end may have been all that was missing. It is acted on later, outside the call of the
  // answer that brought it.
  if (framer_->is_done()) be_called_at(now_ms);
  wake();
}

size_t ClientSession::output(std::span<Bytes> views) {
  if (!interim_.empty()) {
    views[0] = as_bytes(interim_);
    return 1;
  }
  if (!head_left_.empty()) {
    views[0] = as_bytes(head_left_);
    return 1;
  }
  if (phase_ != Phase::kAnswering) return 0;
  return framer_->output(views);
}

FileRange ClientSession::file_output() {
  if (phase_ != Phase::kAnswering || !interim_.empty()) return {};
  return framer_->file_output();
}

bool ClientSession::has_file_next() const {
  return phase_ == Phase::kAnswering && framer_->has_file_next();
}

void ClientSession::on_file_lost(int error, uint64_t now_ms) {
  if (phase_ != Phase::kAnswering) return;
  exchange_->on_file_lost(error, now_ms);
  const bool goes_on = phase_ == Phase::kAnswering;
  // The client waits for this worker.
  if (goes_on && exchange_->content().is_empty()) rate_.stop();
}

void ClientSession::on_written(size_t size, uint64_t now_ms) {
  written_bytes_ += size;
  if (!interim_.empty()) {
    interim_.erase(0, size);
    return;
  }
  if (!head_left_.empty()) {
    head_left_.erase(0, size);
    if (head_left_.empty()) close(cut_ending_);
    return;
  }
  half_closed_.leave();
  framer_->on_written(size, now_ms);
  if (phase_ != Phase::kAnswering) return;  // The responder was told of the space and has aborted.
  if (framer_->is_done()) {
    on_answer_written(now_ms);
  } else if (exchange_->content().is_empty()) {
    rate_.stop();  // The client waits for this worker.
  }
}

void ClientSession::on_unsent(size_t kernel_bytes, uint64_t now_ms) {
  if (phase_ != Phase::kAnswering || kernel_bytes > written_bytes_) return;
  const Settings& settings = context_.settings;
  const uint64_t taken = written_bytes_ - kernel_bytes;
  rate_.run(taken, settings.client_rate_window_ms, now_ms);
  if (!rate_.is_too_slow(taken, settings.client_rate_min, now_ms)) return;
  end_exchange(Outcome::kClientSlow, now_ms);
  close(Ending::kReset);
}

void ClientSession::on_answer_written(uint64_t now_ms) {
  // The head of a chunked answer never says that it is the last one (http1_head()): where the
  // client may go on, it gets one more answer.
  const bool is_untold =
      framer_->framing() == Framing::kChunked && exchange_->request().keep_alive && !is_cut_off_;
  const bool is_kept = framer_->keeps_open() || is_untold;
  const bool goes_on = is_kept && (!has_ended_ || !unread_.empty());
  rate_.stop();
  end_exchange(Outcome::kComplete, now_ms);
  if (goes_on) {
    phase_ = Phase::kReading;
    idle_.enter();
    reading_deadline_ms_ = now_ms + idle_ms();
    be_called_at(reading_deadline_ms_);
    parse_unread(now_ms);
  } else if (!has_ended_ && (is_cut_off_ || !unread_.empty())) {
    linger(now_ms);
  } else {
    close(Ending::kClose);
  }
}

void ClientSession::parse_unread(uint64_t now_ms) {
  if (unread_.empty()) return;
  const std::string input = std::exchange(unread_, {});
  parse(as_bytes(input), now_ms);
  const bool is_cut = has_ended_ && phase_ == Phase::kReading;
  if (is_cut) close(Ending::kClose);  // The rest of this half request will not come.
}

void ClientSession::on_eof(uint64_t now_ms) {
  if (phase_ != Phase::kAnswering) return on_lost(now_ms);
  has_ended_ = true;
  if (exchange_->first_byte_ms() == kNever) half_closed_.enter();
}

void ClientSession::on_lost(uint64_t now_ms) {
  if (exchange_) end_exchange(Outcome::kClientLeft, now_ms);
  close(Ending::kClose);
}

void ClientSession::on_time(uint64_t now_ms) {
  if (phase_ == Phase::kClosing) {
    if (lingering_ && lingering_->is_over(now_ms)) close(Ending::kClose);
    if (lingering_) be_called_at(lingering_->deadline_ms());
    if (!head_left_.empty() && now_ms >= cut_deadline_ms_) close(cut_ending_);
    if (!head_left_.empty()) be_called_at(cut_deadline_ms_);
  } else if (phase_ == Phase::kReading) {
    if (now_ms < reading_deadline_ms_) {
      be_called_at(reading_deadline_ms_);
    } else if (in_request_) {
      refuse(Outcome::kHeadTimeout, now_ms);
    } else {
      close(Ending::kClose);
    }
  } else if (framer_->is_done()) {
    on_answer_written(now_ms);
  }
}

void ClientSession::shed(uint64_t now_ms) {
  if (exchange_) end_exchange(Outcome::kClientLeft, now_ms);
  close(Ending::kClose);
}

void ClientSession::leave(uint64_t now_ms) {
  if (!exchange_ || exchange_->state() != Exchange::State::kWaiting) return;
  exchange_->release(now_ms);
  exchange_->set_responder(nullptr);
  context_.sink.on_refused(*exchange_, Outcome::kDraining, now_ms);
}

void ClientSession::drain(uint64_t now_ms) {
  if (exchange_) exchange_->refuse_keep_alive();
  if (!is_idle()) return;
  reading_deadline_ms_ = std::min(reading_deadline_ms_, now_ms + idle_ms());
  be_called_at(reading_deadline_ms_);
}

void ClientSession::end_exchange(Outcome end, uint64_t now_ms) {
  phase_ = Phase::kClosing;  // The phase stands unless the caller sets another.
  half_closed_.leave();
  framer_.reset();
  const std::unique_ptr<Exchange> over = std::move(exchange_);
  context_.sink.on_exchange_over(*over, end, now_ms);
}

void ClientSession::linger(uint64_t now_ms) {
  phase_ = Phase::kClosing;
  ending_ = Ending::kHalfClose;
  lingering_.emplace(now_ms);
  be_called_at(lingering_->deadline_ms());
  wake();
}

/// Cuts an answer off. A head that has begun to go out goes out to its end first: a client that
/// gets half of one, or nothing, takes the server for dead.
void ClientSession::cut_off(std::string_view head_left, Ending how, uint64_t now_ms) {
  half_closed_.leave();
  if (head_left.empty()) return close(how);
  phase_ = Phase::kClosing;
  head_left_ = head_left;
  cut_ending_ = how;
  cut_deadline_ms_ = now_ms + limits::kLingerMs;
  be_called_at(cut_deadline_ms_);
  wake();
}

void ClientSession::close(Ending how) {
  phase_ = Phase::kClosing;
  idle_.leave();
  half_closed_.leave();
  ending_ = how;
  lingering_.reset();
  interim_.clear();
  head_left_.clear();
  unread_.clear();
  wake();
}

}  // namespace daphnis::worker
