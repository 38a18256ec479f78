#include "l2/core/l1_session.h"

#include <algorithm>
#include <charconv>

#include "common/base/check.h"
#include "common/base/l2_token.h"
#include "common/base/names.h"

namespace daphnis::l2 {

L1Session::L1Session(SessionSettings settings, Random random)
    : settings_(std::move(settings)), backoff_(random), holdings_backoff_(std::move(random)) {
  check(is_name(settings_.l2_id), "an L2 id that may not stand in a request");
}

L1Session::Stats L1Session::stats() const {
  Stats all = stats_;
  all.junk_lines += lines_.too_long();
  return all;
}

void L1Session::start(uint64_t now_ms) {
  if (state_ == State::kStopped) open(now_ms);
}

void L1Session::stop() {
  if (state_ == State::kOpening || state_ == State::kRegistered) {
    commands_.emplace_back(CloseRegistration{});
  }
  if (telling_ == Telling::kPosting) commands_.emplace_back(DropHoldings{});
  telling_ = Telling::kIdle;
  state_ = State::kStopped;
  queued_.clear();
}

void L1Session::open(uint64_t now_ms) {
  std::string target = "/register/" + settings_.l2_id;
  if (settings_.generation == Generation::kV2) {
    target += "?v=2&capacity=" + std::to_string(settings_.capacity);
  }
  state_ = State::kOpening;
  until_ms_ = now_ms + limits::kRegistrationReplyMs;
  lines_.reset();
  session_key_.clear();
  commands_.emplace_back(OpenRegistration{std::move(target)});
}

void L1Session::wait(uint64_t delay_ms, uint64_t now_ms) {
  state_ = State::kWaiting;
  until_ms_ = now_ms + delay_ms;
}

uint64_t L1Session::delay_after(const Loss& loss) {
  if (loss.is_token_bad) {
    return backoff_.next_after_ms(
        std::max(limits::kBadTokenWaitMs, loss.retry_after_ms.value_or(0)));
  }
  if (!loss.is_id_contested) {
    return loss.retry_after_ms ? backoff_.next_after_ms(*loss.retry_after_ms) : backoff_.next_ms();
  }
  // Each return takes the id from the other node, which then takes it back: so both must wait
  // longer each time.
  const uint64_t least_ms = std::max(contest_wait_ms_, loss.retry_after_ms.value_or(0));
  contest_wait_ms_ = std::min(2 * contest_wait_ms_, limits::kIdContestMaxMs);
  return backoff_.next_after_ms(least_ms);
}

void L1Session::lose(const Loss& loss, uint64_t now_ms) {
  const bool was_registered = state_ == State::kRegistered;
  if (was_registered) {
    ++stats_.losses;
    const uint64_t lasted_ms = now_ms - registered_at_ms_;
    if (lasted_ms >= limits::kRegistrationHealthyMs) backoff_.reset();
    if (lasted_ms >= limits::kIdContestOverMs) contest_wait_ms_ = limits::kIdContestFirstMs;
  }
  if (telling_ == Telling::kPosting) commands_.emplace_back(DropHoldings{});
  telling_ = Telling::kIdle;
  // Queued orders belong to the lost registration, and its L1 has cancelled them.
  stats_.orders_dropped += queued_.size();
  queued_.clear();
  const uint64_t delay_ms = delay_after(loss);
  LogLine line(was_registered ? "registration_lost" : "registration_failed");
  line.add("why", loss.why);
  if (const L1Refusal* refusal = loss.refusal) {
    line.add("status", refusal->status);
    if (!refusal->code.empty()) line.add("code", refusal->code);
  }
  line.add("retry_in_ms", delay_ms);
  if (!loss.advice.empty()) line.add("advice", loss.advice);
  log(LogLevel::kWarn, std::move(line));
  wait(delay_ms, now_ms);
}

void L1Session::on_registration_head(int status, std::optional<uint64_t> retry_after_ms,
                                     uint64_t now_ms) {
  if (state_ != State::kOpening) return;
  if (status != 200) {
    return on_registration_refused({.status = status, .retry_after_ms = retry_after_ms}, now_ms);
  }
  state_ = State::kRegistered;
  registered_at_ms_ = now_ms;
  until_ms_ = now_ms + limits::kRegistrationSilenceMs;
  ++stats_.registrations;
  log(LogLevel::kInfo, LogLine("registered"));
  announced_ = nullptr;
  is_known_complete_ = false;
  telling_ = Telling::kIdle;
  holdings_backoff_.reset();
  tell();
}

void L1Session::on_registration_bytes(Bytes bytes, uint64_t now_ms) {
  if (state_ != State::kRegistered) return;
  until_ms_ = now_ms + limits::kRegistrationSilenceMs;
  lines_.feed(bytes, [this, now_ms](std::string_view line) { on_line(line, now_ms); });
}

void L1Session::on_registration_refused(const L1Refusal& refusal, uint64_t now_ms) {
  if (state_ != State::kOpening) return;
  commands_.emplace_back(CloseRegistration{});
  const std::string why =
      refusal.detail.empty() ? "the L1 answered " + std::to_string(refusal.status) : refusal.detail;
  lose({.why = why,
        .advice = advice_for(refusal),
        .retry_after_ms = refusal.retry_after_ms,
        .is_id_contested = is_id_contested(refusal),
        .is_token_bad = is_token_bad(refusal),
        .refusal = &refusal},
       now_ms);
}

void L1Session::on_registration_lost(std::string_view why, uint64_t now_ms,
                                     std::string_view advice) {
  if (state_ != State::kOpening && state_ != State::kRegistered) return;
  lose({.why = why.empty() ? "the L1 closed the connection" : why, .advice = advice}, now_ms);
}

void L1Session::on_registration_ended(std::string_view reason, uint64_t now_ms) {
  if (reason.empty() || state_ != State::kRegistered) return on_registration_lost("", now_ms);
  lose({.why = reason, .advice = advice_for(reason), .is_id_contested = is_id_contested(reason)},
       now_ms);
}

void L1Session::on_line(std::string_view line, uint64_t now_ms) {
  std::optional<Order> order = reader_.read(line);
  if (!order && settings_.generation == Generation::kV2) {
    if (const auto cancelled = reader_.read_cancel(line)) return on_cancel(*cancelled);
    if (const auto notice = reader_.read_notice(line)) return on_notice(*notice);
    if (auto token = reader_.read_token(line)) return on_token(std::move(*token));
  }
  if (!order || active_.contains(order->request_id) || acknowledging_.contains(order->request_id)) {
    ++stats_.junk_lines;
    LogLine note("junk_line");
    // What might hold a token stays out of the log.
    const bool may_be_shown = line.find("token") == std::string_view::npos;
    if (may_be_shown) note.add("line", line.substr(0, 128));
    log(LogLevel::kWarn, std::move(note));
    return;
  }
  ++stats_.orders;
  if (settings_.generation == Generation::kLegacy) {
    *order = Order{.request_id = order->request_id, .request = {.root = order->request.root}};
  }
  if (queued_.size() == limits::kOrdersQueuedMax) {
    ++stats_.orders_dropped;
    return;
  }
  std::optional<uint64_t> begin_by_ms;
  if (order->deadline_ms) {
    begin_by_ms = now_ms + std::min<uint64_t>(*order->deadline_ms, uint64_t{1} << 40);
  }
  queued_.push_back({std::move(*order), begin_by_ms});
  start_queued(now_ms);
}

void L1Session::start_queued(uint64_t now_ms) {
  while (active_.size() < settings_.capacity && !queued_.empty()) {
    Queued next = std::move(queued_.front());
    queued_.pop_front();
    const bool is_late = next.begin_by_ms && *next.begin_by_ms <= now_ms;
    if (is_late || !active_.insert(next.order.request_id).second) {
      ++stats_.orders_dropped;
      if (is_late) acknowledge(std::move(next.order));  // Else it would keep a place at the L1.
      continue;
    }
    commands_.emplace_back(StartUpload{std::move(next.order), next.begin_by_ms});
  }
}

void L1Session::on_cancel(const Uuid& request_id) {
  const auto queued = std::ranges::find(queued_, request_id,
                                        [](const Queued& one) { return one.order.request_id; });
  if (active_.contains(request_id)) {
    ++stats_.cancels;
    commands_.emplace_back(CancelUpload{request_id});
  } else if (queued != queued_.end()) {
    ++stats_.cancels;
    acknowledge(std::move(queued->order));
    queued_.erase(queued);
  }
}

void L1Session::on_notice(const Notice& notice) {
  ++stats_.notices;
  LogLine line("l1_notice");
  line.add("notice", notice.notice).add("reason", notice.reason).add("for_ms", notice.for_ms);
  if (notice.notice == "contested") {
    line.add("advice", "another node asks for this id, and does not get it");
  }
  if (notice.reason == "lied") {
    line.add("advice", "what was sent is not what its CID says: check the store");
  }
  log(LogLevel::kWarn, std::move(line));
}

void L1Session::on_token(std::string token) {
  const auto parts = parse_l2_token(token);
  if (!settings_.has_token) return;
  if (!parts || parts->id != settings_.l2_id) {
    ++stats_.junk_lines;
    log(LogLevel::kWarn, LogLine("token_passed_over").add("why", "it is not for this L2's id"));
    return;
  }
  log(LogLevel::kInfo, LogLine("token_renewed").add("until_s", parts->until_s));
  commands_.emplace_back(KeepToken{std::move(token)});
}

void L1Session::acknowledge(Order order) {
  if (acknowledging_.size() >= kAcknowledgementsMax) return;
  if (!acknowledging_.insert(order.request_id).second) return;
  commands_.emplace_back(AcknowledgeCancel{std::move(order)});
}

void L1Session::on_upload_done(const Uuid& request_id, uint64_t now_ms) {
  active_.erase(request_id);
  acknowledging_.erase(request_id);
  start_queued(now_ms);
}

void L1Session::on_holdings(Holdings holdings, uint64_t, bool is_complete) {
  current_ = std::move(holdings);
  is_complete_ = is_complete;
  tell();
}

void L1Session::tell() {
  const bool may = state_ == State::kRegistered && settings_.generation == Generation::kV2;
  const bool has_changed = current_ != announced_ || is_complete_ != is_known_complete_;
  if (!may || telling_ != Telling::kIdle || !has_changed) return;
  being_announced_ = current_;
  is_being_told_complete_ = is_complete_;
  const bool tells_so = is_complete_ != is_known_complete_;
  update_ =
      HoldingsUpdate(announced_, current_, tells_so ? std::optional(is_complete_) : std::nullopt);
  post_holdings();
}

void L1Session::post_holdings() {
  if (update_.is_done()) {
    announced_ = std::move(being_announced_);
    is_known_complete_ = is_being_told_complete_;
    telling_ = Telling::kIdle;
    return tell();
  }
  telling_ = Telling::kPosting;
  commands_.emplace_back(
      PostHoldings{"/holdings/" + settings_.l2_id, update_.body(), session_key_});
}

void L1Session::on_holdings_reply(const L1Refusal& reply, uint64_t now_ms) {
  if (telling_ != Telling::kPosting) return;
  const int status = reply.status;
  if (status >= 200 && status < 300) {
    holdings_backoff_.reset();
    update_.advance();
    return post_holdings();
  }
  LogLine line("holdings_refused");
  line.add("status", status);
  if (!reply.code.empty()) line.add("code", reply.code);
  if (!reply.detail.empty()) line.add("why", reply.detail);
  if (status == 404 || status == 405 || status == 501) {
    // This L1 does not know holdings, and will not before it is restarted.
    telling_ = Telling::kRefused;
  } else {
    telling_ = Telling::kWaiting;
    const uint64_t delay_ms = reply.retry_after_ms
                                  ? holdings_backoff_.next_after_ms(*reply.retry_after_ms)
                                  : holdings_backoff_.next_ms();
    tell_again_at_ms_ = now_ms + delay_ms;
    line.add("retry_in_ms", delay_ms);
  }
  log(LogLevel::kWarn, std::move(line));
}

void L1Session::on_time(uint64_t now_ms) {
  if (telling_ == Telling::kWaiting && now_ms >= tell_again_at_ms_) post_holdings();
  if (state_ == State::kStopped || now_ms < until_ms_) return;
  if (state_ == State::kWaiting) return open(now_ms);
  const bool was_registered = state_ == State::kRegistered;
  commands_.emplace_back(CloseRegistration{});
  lose({.why = was_registered ? "the L1 has gone silent" : "the L1 does not answer"}, now_ms);
}

std::optional<uint64_t> L1Session::wakes_at_ms() const {
  if (state_ == State::kStopped) return {};
  return telling_ == Telling::kWaiting ? std::min(until_ms_, tell_again_at_ms_) : until_ms_;
}

std::optional<uint64_t> parse_retry_after_ms(std::string_view text) {
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return uint64_t{seconds} * 1000;
}

}  // namespace daphnis::l2
