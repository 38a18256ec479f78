#include "tests/sim/edge/upload.h"

#include <algorithm>
#include <utility>

namespace daphnis::sim {

UploadLink::UploadLink(Scene& scene, std::unique_ptr<Socket> socket, Events events)
    : scene_(scene),
      events_(std::move(events)),
      next_(scene.clock, [this] { pump(); }),
      stream_(
          scene, std::move(socket),
          {.on_bytes = [this](Bytes bytes) { on_bytes(bytes); },
           .on_end = [this](const std::string&) { end(true); },
           .on_drained =
               [this] { next_.after(scene_.weather.upload_pause_ms + scene_.chance.below(3)); }}) {}

void UploadLink::add(Upload upload) {
  upload.at = 0;
  uploads_.push_back(std::move(upload));
  next_.after(scene_.chance.below(3));
}

void UploadLink::freeze() {
  is_frozen_ = true;
  stream_.stop_reading();
}

void UploadLink::pump() {
  if (is_frozen_ || is_over_ || stream_.unsent_bytes() > 0) return;
  for (Upload& upload : uploads_) {
    std::string& bytes = upload.plan.bytes;
    if (upload.at < bytes.size()) {
      const size_t most = scene_.chance.between(1, 30'000);
      const size_t size = std::min(bytes.size() - upload.at, most);
      stream_.write(std::string_view(bytes).substr(upload.at, size));
      upload.at += size;
      if (upload.at < bytes.size()) return;
    }
    if (upload.plan.end == UploadPlan::End::kStall) return;
    if (upload.plan.end == UploadPlan::End::kCut) {
      if (stream_.unsent_bytes() > 0) return;
      // Otherwise the L1 might never see this upload: a reset would overtake it.
      const bool is_rude = scene_.weather.are_l2s_rude && scene_.chance.one_in(2);
      if (!is_rude && &upload != &uploads_.front()) return;
      if (is_rude) stream_.abort();
      return end(false);
    }
  }
}

void UploadLink::on_bytes(Bytes bytes) {
  while (!is_over_) {
    const http::Parser::Step step = parser_.step(bytes);
    bytes = bytes.subspan(step.consumed);
    has_reply_begun_ = parser_.in_message();
    if (step.event == http::Parser::Event::kNeedMore) return;
    if (step.event == http::Parser::Event::kRefused) {
      return scene_.fail("an L2 was answered with something that is no HTTP");
    }
    if (step.event != http::Parser::Event::kEnd) continue;
    const http::Head& head = parser_.head();
    if (uploads_.empty()) {
      // The broker replies 408 to a connection that sends nothing.
      if (head.keep_alive) scene_.fail("an L2 was answered without having asked");
      return end(false);
    }
    const bool was_sent = is_sent(uploads_.front());
    if (!was_sent && head.keep_alive) scene_.fail("an early answer does not end its connection");
    end_front(head.status);
    ++exchanges_;
    if (!was_sent || !head.keep_alive) return end(true);
    next_.after(0);
  }
}

void UploadLink::end_front(int status) {
  const Upload over = std::move(uploads_.front());
  uploads_.pop_front();
  events_.on_done(over.id, status);
}

/// Ends the connection. Uploads that the L1 cannot have read are sent again on another one.
void UploadLink::end(bool may_try_again) {
  if (std::exchange(is_over_, true)) return;
  std::deque<Upload> rest = std::move(uploads_);
  uploads_.clear();
  bool is_front = true;
  for (Upload& upload : rest) {
    const bool may_be_unread = !is_front || (exchanges_ > 0 && !has_reply_begun_);
    is_front = false;
    if (may_try_again && may_be_unread && ++upload.tries < 3) {
      events_.on_again(std::move(upload));
    } else {
      events_.on_done(upload.id, 0);
    }
  }
  const auto over = events_.on_over;
  over(*this);
}

}  // namespace daphnis::sim
