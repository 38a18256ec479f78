#include "tests/sim/edge/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/cachefile/cache_file.h"
#include "common/http/http_writer.h"

namespace daphnis::sim {
namespace {

/// The longest wait for the next byte of what is promised.
constexpr uint64_t kPromisedMs = 60'000;
/// Within this a request must end, however it ends.
constexpr uint64_t kRequestMs = 140'000;
/// The same where slow clients are about, since whoever goes on alone asks anew for each small
/// window, and where uploads take half a minute each.
constexpr uint64_t kSlowRequestMs = 300'000;
/// Within this a client that takes at once has what is promised, however slow others are that want
/// the same or wait for the same L2s. Where L2s fail, that takes its time too.
constexpr uint64_t kUnpacedCalmMs = 12'000;
constexpr uint64_t kUnpacedMs = 60'000;

bool is_truthful_refusal(int status) {
  constexpr std::array kStatuses{404, 502, 503, 504};
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

}  // namespace

Client::Client(Scene& scene, std::string name, Plan plan, Edge edge)
    : scene_(scene),
      name_(std::move(name)),
      plan_(std::move(plan)),
      edge_(std::move(edge)),
      alarm_(scene.clock,
             [this] {
               if (!stream_) return begin();
               begin_patience();
               stream_->start_reading();
             }),
      patience_(scene.clock, [this] { fail("has waited for too long"); }),
      limit_(scene.clock, [this] { on_limit(); }) {
  alarm_.at(plan_.begins_ms);
}

std::string Client::request_id(size_t number) const {
  return name_ + "." + std::to_string(number);
}

void Client::fail(std::string_view what) {
  const size_t number = std::min(answered_, plan_.wishes.size() - 1);
  scene_.fail(fmt::format("{} {} ({}, status {}): {}", name_, plan_.wishes[number]->target,
                          request_id(number), parser_.head().status, what));
}

uint64_t Client::request_ms() const {
  const bool is_slow = scene_.weather.has_crawlers || scene_.weather.upload_pause_ms > 0;
  return is_slow ? kSlowRequestMs : kRequestMs;
}

void Client::begin_patience() {
  const uint64_t patience_ms = scene_.weather.patience_ms;
  patience_.after(must_get_all() ? std::min(patience_ms, kPromisedMs) : patience_ms);
}

void Client::begin_limit() {
  is_hurried_ = takes_at_once() && must_get_all();
  const uint64_t unpaced_ms = scene_.weather.is_calm ? kUnpacedCalmMs : kUnpacedMs;
  limit_.after(is_hurried_ ? unpaced_ms : request_ms());
}

void Client::on_limit() {
  // What was promised at the beginning may be no more.
  if (!std::exchange(is_hurried_, false) || must_get_all()) return fail("its request does not end");
  limit_.after(request_ms() - kUnpacedMs);
}

void Client::begin() {
  std::unique_ptr<Socket> socket = edge_.dial();
  if (!socket) {
    if (must_get_all()) fail("finds no worker");
    return finish();
  }
  stream_ = std::make_unique<Stream>(
      scene_, std::move(socket),
      Stream::Events{.on_bytes = [this](Bytes bytes) { on_bytes(bytes); },
                     .on_end = [this](const std::string& why) { on_closed(!why.empty()); }});
  begin_patience();
  begin_limit();
  do {
    send(sent_);
  } while (plan_.is_pipelined && sent_ < plan_.wishes.size());
  if (plan_.leaves_after_bytes == 0 && !is_done_) leave();
}

void Client::send(size_t number) {
  const std::string_view method = plan_.is_head ? "HEAD" : "GET";
  auto head = http::HeadWriter::request(method, plan_.wishes[number]->target);
  head.add("Host", "edge.example").add("X-Request-Id", request_id(number));
  std::string text = head.finish();
  if (plan_.is_http_1_0) text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
  if (plan_.is_head && number == answered_) parser_.next_response_has_no_body();
  ++sent_;
  ++scene_.tally.requests;
  scene_.trace("{} asks {} for {}", request_id(number), plan_.worker, plan_.wishes[number]->target);
  stream_->write(text);
  if (!plan_.ends_its_side || sent_ < plan_.wishes.size()) return;
  ++scene_.tally.half_closed;
  stream_->shutdown();
}

void Client::on_bytes(Bytes bytes) {
  bytes_ += bytes.size();
  begin_patience();
  while (!is_done_) {
    const http::Parser::Step step = parser_.step(bytes);
    bytes = bytes.subspan(step.consumed);
    if (step.event == http::Parser::Event::kNeedMore) break;
    if (step.event == http::Parser::Event::kRefused) return fail("the answer is no HTTP");
    if (answered_ >= sent_) return fail("was answered once more than it asked");
    if (step.event == http::Parser::Event::kHead) on_answer_head();
    if (step.event == http::Parser::Event::kBody) on_answer_body(step.body);
    if (step.event == http::Parser::Event::kEnd) on_answer_end();
  }
  if (is_done_) return;
  if (plan_.leaves_after_bytes && bytes_ >= *plan_.leaves_after_bytes) return leave();
  consider_pause();
}

void Client::consider_pause() {
  if (plan_.crawl && plan_.crawl->pauses > 0) {
    Crawl& crawl = *plan_.crawl;
    if (bytes_ < crawl.at_bytes) return;
    --crawl.pauses;
    crawl.at_bytes = bytes_ + crawl.step_bytes;
    stream_->set_read_max(crawl.pauses > 0 ? crawl.step_bytes : SIZE_MAX);
    return pause(crawl.pause_ms);
  }
  if (!plan_.is_slow || pauses_left_ == 0 || !scene_.chance.one_in(3)) return;
  --pauses_left_;
  pause(scene_.chance.between(1, 1'500));
}

void Client::pause(uint64_t pause_ms) {
  stream_->stop_reading();
  patience_.stop();
  alarm_.after(pause_ms);
}

void Client::on_answer_head() {
  body_at_ = 0;
  const http::Head& head = parser_.head();
  // A slow network may use up the time for a request, whose id is not known then.
  if (head.status == 408 && !must_get_all()) return;
  const std::string* id = head.find("X-Request-Id");
  if (!id || *id != request_id(answered_)) fail("got another request's answer");
  if (head.status == 200) {
    count_source(head);
    // A HEAD proves the root alone.
    if (!wish().exists && !plan_.is_head) fail("got content that does not exist");
    return;
  }
  if (!is_truthful_refusal(head.status)) fail("got a status that is not true");
  if (head.status == 503 && edge_.has_refused_a_wait()) {
    ++scene_.tally.waits_refused;
    return;
  }
  if (must_get_all() && edge_.is_held(wish().dag) && wish().exists)
    fail("was refused what is there");
  if (must_get_all() && head.status != 404) fail("was not told that it is not there");
}

void Client::count_source(const http::Head& head) {
  const std::string* source = head.find("X-Cache");
  if (!source) return fail("is not told where the answer comes from");
  scene_.note(source->size());
  if (*source == "FETCHING") ++scene_.tally.fetching;
  if (*source == "HIT") ++scene_.tally.hits;
  const bool has_file = !scene_.disk.list("/cache/objects/" + cache_file_name(wish().key)).empty();
  if (*source == "HIT" && !has_file) ++scene_.tally.sub_dag_hits;
  if (*source != "HIT" && plan_.must_hit) fail("missed what the cache holds");
}

void Client::on_answer_body(Bytes body) {
  if (parser_.head().status != 200) return;
  const std::string& answer = wish().answer;
  const bool is_right = answer.size() - std::min(answer.size(), body_at_) >= body.size() &&
                        std::string_view(answer).substr(body_at_, body.size()) == as_text(body);
  body_at_ += body.size();
  if (!is_right) fail("got bytes that are not the content's");
}

void Client::on_answer_end() {
  const int status = parser_.head().status;
  ++scene_.tally.statuses[static_cast<size_t>(status)];
  ++(status == 200 ? scene_.tally.whole : scene_.tally.refused);
  if (status == 200 && edge_.is_promised(wish().dag)) ++scene_.tally.promised;
  if (status == 200 && plan_.crawl && plan_.crawl->pauses == 0) ++scene_.tally.crawled;
  scene_.note(static_cast<uint64_t>(status) + body_at_);
  if (status == 200 && body_at_ != wish().answer.size() && !plan_.is_head) {
    fail(fmt::format("got a complete answer of {} bytes instead of {}", body_at_,
                     wish().answer.size()));
  }
  ++answered_;
  if (answered_ == plan_.wishes.size() || !parser_.head().keep_alive) return finish();
  begin_limit();
  if (plan_.is_head) parser_.next_response_has_no_body();
  if (sent_ == answered_) send(sent_);
}

void Client::on_closed(bool is_reset) {
  if (!is_reset && parser_.on_eof() == http::Parser::Event::kEnd) on_answer_end();
  if (is_done_) return;
  ++(parser_.in_message() ? scene_.tally.cut : scene_.tally.unanswered);
  scene_.trace("{} is cut", request_id(answered_));
  if (must_get_all()) {
    // Each cut of a slow reader excuses one, so who is cut for another reason must not take it.
    const bool is_slow_one = !takes_at_once() && parser_.in_message();
    if (is_slow_one && edge_.has_cut_slow_reader()) {
      ++scene_.tally.slow_cut;
    } else {
      fail(parser_.in_message() ? "was cut" : "got no answer");
    }
  }
  finish();
}

void Client::leave() {
  ++scene_.tally.left;
  scene_.trace("{} leaves", request_id(answered_));
  if (scene_.chance.one_in(2)) stream_->abort();
  finish();
}

void Client::finish() {
  is_done_ = true;
  alarm_.stop();
  patience_.stop();
  limit_.stop();
  stream_.reset();
}

}  // namespace daphnis::sim
