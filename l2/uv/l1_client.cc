#include "l2/uv/l1_client.h"

#include <algorithm>

#include "common/http/http_writer.h"
#include "l2/core/tls_advice.h"

namespace daphnis::l2 {
namespace {

std::optional<uint64_t> retry_after_of(const http::Head& head) {
  const std::string* field = head.find("Retry-After");
  return field ? parse_retry_after_ms(*field) : std::nullopt;
}

/// How the log says that an upload ended.
std::string_view outcome_of(const UploadResult& result) {
  if (result.is_cancelled) return "cancelled";
  if (result.is_not_found) return "not_found";
  return result.is_complete ? "sent" : "cut";
}

/// Appends `bytes` to `held`, up to kRefusalBytesMax in all.
void keep_start(Bytes bytes, std::string& held) {
  held.append(as_text(bytes), 0, limits::kRefusalBytesMax - held.size());
}

}  // namespace

L1Client::L1Client(uv::Loop& loop, uv::Log& log, Store& store, L1Url url,
                   std::shared_ptr<const tls::Context> tls, SessionSettings settings, Random random,
                   TokenFile* token_file, uint64_t data_url_ms)
    : loop_(loop),
      log_(log),
      url_(std::move(url)),
      tls_(std::move(tls)),
      generation_(settings.generation),
      token_file_(token_file),
      links_kept_max_(settings.capacity),
      session_(std::move(settings), std::move(random)),
      clock_(loop,
             [this] {
               session_.on_time(loop_.now_ms());
               after_input();
             }),
      sweep_(loop,
             [this] {
               const uint64_t now_ms = loop_.now_ms();
               std::erase_if(resting_, [=](const Resting& one) { return one.until_ms <= now_ms; });
               if (resting_.empty()) sweep_.stop();
             }),
      refusal_timeout_(loop, [this] { end_refusal(); }),
      holdings_timeout_(loop, [this] { end_holdings({}); }),
      data_urls_(url_),
      upload_host_{loop_,
                   store,
                   url_,
                   generation_,
                   [this](const L1Url& to, bool is_fresh) { return take_link(to, is_fresh); },
                   [this](std::unique_ptr<Link> link) { keep_link(std::move(link)); },
                   [this](const L1Url& data_url) { return may_use(data_url); },
                   [this](const L1Url& data_url, const std::string& why, tls::Fault fault) {
                     on_unreachable(data_url, why, fault);
                   },
                   data_url_ms} {}

void L1Client::start() {
  session_.start(loop_.now_ms());
  after_input();
}

void L1Client::drain(std::function<void()> on_idle) {
  session_.stop();
  after_input();
  on_idle_ = std::move(on_idle);
  if (uploads_.empty() && on_idle_) on_idle_();
}

void L1Client::on_holdings(const Holdings& holdings, bool is_complete) {
  session_.on_holdings(holdings, loop_.now_ms(), is_complete);
  after_input();
}

void L1Client::after_input() {
  if (is_carrying_out_) return;
  is_carrying_out_ = true;
  for (auto commands = session_.take_commands(); !commands.empty();
       commands = session_.take_commands()) {
    for (SessionCommand& command : commands) {
      std::visit([this](auto& which) { do_command(which); }, command);
    }
  }
  is_carrying_out_ = false;
  const auto wakes_at_ms = session_.wakes_at_ms();
  if (!wakes_at_ms) return clock_.stop();
  const uint64_t now_ms = loop_.now_ms();
  clock_.start(*wakes_at_ms > now_ms ? *wakes_at_ms - now_ms : 0);
}

std::string L1Client::head_of(const PostHoldings& command) const {
  auto writer = http::HeadWriter::request("POST", command.target);
  writer.add("Host", url_.authority()).add("Content-Type", "application/x-ndjson");
  writer.add("Content-Length", command.body.size());
  if (!command.session_key.empty()) writer.add("Daphnis-Session", command.session_key);
  return writer.finish();
}

/// The file is read for each registration, so that a new token in it is used without a restart.
std::string L1Client::head_of_registration(const std::string& target) const {
  auto head = http::HeadWriter::request("GET", target);
  head.add("Host", url_.authority());
  if (!token_file_) return head.finish();
  const auto token = token_file_->read();
  if (token) {
    head.add("Authorization", "Bearer " + *token);
  } else {
    log_.error(LogLine("token_not_read").add("error", token.error().text()));
  }
  return head.finish();
}

void L1Client::do_command(KeepToken& command) {
  if (const auto kept = token_file_->keep(command.token); !kept) {
    LogLine line("token_not_kept");
    line.add("error", kept.error().text());
    log_.error(line.add("advice", "make the folder of --token-file writable for this L2"));
  }
}

void L1Client::do_command(OpenRegistration& command) {
  registration_ = new_link(url_);
  registration_->begin(
      {.on_ready =
           [this, target = std::move(command.target)] {
             registration_->write(head_of_registration(target));
           },
       .on_head =
           [this](const http::Head& reply) {
             if (reply.status != 200) return begin_refusal(reply);
             const std::string* key = reply.find("Daphnis-Session");
             if (key) session_.on_session_key(*key);
             session_.on_registration_head(reply.status, retry_after_of(reply), loop_.now_ms());
             after_input();
           },
       .on_body =
           [this](Bytes bytes) {
             if (refusal_) return keep_start(bytes, refusal_body_);
             session_.on_registration_bytes(bytes, loop_.now_ms());
             after_input();
           },
       .on_end =
           [this] {
             if (refusal_) return end_refusal();
             session_.on_registration_ended(registration_->trailer("Daphnis-Reason"),
                                            loop_.now_ms());
             after_input();
           },
       .on_lost =
           [this](const std::string& why) {
             if (refusal_) return end_refusal();
             session_.on_registration_lost(why, loop_.now_ms(), registration_->advice());
             after_input();
           }});
}

void L1Client::do_command(CloseRegistration&) {
  refusal_timeout_.stop();
  refusal_.reset();
  registration_.reset();
}

void L1Client::begin_refusal(const http::Head& reply) {
  refusal_ = L1Refusal{.status = reply.status, .retry_after_ms = retry_after_of(reply)};
  refusal_body_.clear();
  refusal_timeout_.start(limits::kRefusalWaitMs);
}

void L1Client::end_refusal() {
  const L1Refusal said = read_refusal(refusal_->status, refusal_->retry_after_ms, refusal_body_);
  session_.on_registration_refused(said, loop_.now_ms());
  after_input();
}

void L1Client::do_command(PostHoldings& command) {
  holdings_reply_ = {};
  holdings_body_.clear();
  holdings_timeout_.start(limits::kHoldingsReplyMs);
  std::string message = head_of(command) + command.body;
  holdings_ = new_link(url_);
  holdings_->begin({.on_ready = [this, message = std::move(message)] { holdings_->write(message); },
                    .on_head =
                        [this](const http::Head& reply) {
                          holdings_reply_.status = reply.status;
                          holdings_reply_.retry_after_ms = retry_after_of(reply);
                        },
                    .on_body = [this](Bytes bytes) { keep_start(bytes, holdings_body_); },
                    .on_end =
                        [this] {
                          end_holdings(read_refusal(holdings_reply_.status,
                                                    holdings_reply_.retry_after_ms,
                                                    holdings_body_));
                        },
                    .on_lost = [this](const std::string&) { end_holdings({}); }});
}

void L1Client::do_command(DropHoldings&) {
  holdings_timeout_.stop();
  holdings_.reset();
}

void L1Client::end_holdings(const L1Refusal& reply) {
  holdings_timeout_.stop();
  holdings_.reset();
  session_.on_holdings_reply(reply, loop_.now_ms());
  after_input();
}

void L1Client::do_command(StartUpload& command) {
  begin_upload(std::move(command), Upload::What::kDelivery);
}

void L1Client::do_command(CancelUpload& command) {
  const auto found = uploads_.find(command.request_id);
  if (found != uploads_.end()) found->second->cancel();
}

void L1Client::do_command(AcknowledgeCancel& command) {
  begin_upload({.order = std::move(command.order), .begin_by_ms = {}},
               Upload::What::kAcknowledgement);
}

void L1Client::begin_upload(StartUpload start, Upload::What what) {
  const Uuid id = start.order.request_id;
  uploads_[id] =
      std::make_unique<Upload>(upload_host_, std::move(start), what,
                               [this, id](const UploadResult& result) { end_upload(id, result); });
}

void L1Client::end_upload(const Uuid& id, const UploadResult& result) {
  const auto at = uploads_.find(id);
  // Copied, since erase() destroys the upload that `result` and `id` are part of.
  const UploadResult ended = result;
  const Uuid ended_id = id;
  log_upload(at->second->order(), ended);
  uploads_.erase(at);
  session_.on_upload_done(ended_id, loop_.now_ms());
  after_input();
  if (uploads_.empty() && on_idle_) on_idle_();
}

void L1Client::log_upload(const Order& order, const UploadResult& result) {
  LogLine line("upload");
  line.add("l1", url_.authority()).add("cid", order.request.root.text());
  line.add("request", text_of(order.request_id));
  if (!order.trace_id.empty()) line.add("trace", order.trace_id);
  line.add("status", result.status).add("bytes", result.bytes);
  line.add("outcome", outcome_of(result));
  if (result.is_direct) line.add("to", order.data_url->authority());
  if (!result.code.empty()) line.add("code", result.code);
  if (!result.why.empty()) line.add("why", result.why);
  if (result.status == 422) {
    log_.write(LogLevel::kError, line);
  } else if (log_.is_on(LogLevel::kInfo)) {
    log_.access(line);
  }
}

void L1Client::do_command(WriteLog& command) {
  log_.write(command.level, std::move(command.line.add("l1", url_.authority())));
}

bool L1Client::may_use(const L1Url& data_url) {
  if (data_urls_.may_use(data_url, loop_.now_ms())) return true;
  if (const std::string_view why = data_urls_.news_of_unused(data_url); !why.empty()) {
    LogLine line("data_url_unused");
    line.add("l1", url_.authority()).add("data_url", data_url.text()).add("why", why);
    log_.info(line.add("advice", "deliveries go to the L1's own port; where it has a name above " +
                                     domain_of(data_url) + ", --l1 https://NAME spares it work"));
  }
  return false;
}

void L1Client::on_unreachable(const L1Url& data_url, const std::string& why, tls::Fault fault) {
  if (!data_urls_.on_unreachable(data_url, loop_.now_ms())) return;
  LogLine line("data_url_unreachable");
  line.add("l1", url_.authority()).add("data_url", data_url.text()).add("why", why);
  line.add("retry_in_ms", limits::kDataUrlAvoidMs);
  log_.warn(
      line.add("advice", advice_for_data_url(fault, data_urls_.hosts_of(data_url), data_url.port)));
}

std::unique_ptr<Link> L1Client::new_link(const L1Url& to) const {
  return std::make_unique<Link>(loop_, to, tls_);
}

std::unique_ptr<Link> L1Client::take_link(const L1Url& to, bool is_fresh) {
  const auto latest = std::find_if(resting_.rbegin(), resting_.rend(),
                                   [&to](const Resting& one) { return one.link->to() == to; });
  if (is_fresh || latest == resting_.rend()) return new_link(to);
  std::unique_ptr<Link> link = std::move(latest->link);
  resting_.erase(std::next(latest).base());
  return link;
}

void L1Client::keep_link(std::unique_ptr<Link> link) {
  // The one that has rested longest makes way, for it may lead to a worker that is gone.
  if (resting_.size() == links_kept_max_) resting_.pop_front();
  link->rest([this, raw = link.get()] { drop_resting(raw); });
  resting_.push_back({std::move(link), loop_.now_ms() + limits::kUploadIdleMs});
  if (!sweep_.is_active()) sweep_.start(limits::kUploadIdleMs, limits::kUploadIdleMs / 4);
}

void L1Client::drop_resting(const Link* link) {
  std::erase_if(resting_, [link](const Resting& one) { return one.link.get() == link; });
}

}  // namespace daphnis::l2
