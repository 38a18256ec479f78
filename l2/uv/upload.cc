#include "l2/uv/upload.h"

#include "common/base/check.h"
#include "common/http/http_writer.h"
#include "common/request/skip.h"

namespace daphnis::l2 {

namespace {

constexpr const char* kNoMore = "the L1 wants no more";
/// For the early reply to a POST that has begun when it is cancelled.
constexpr uint64_t kCancelledReplyMs = 10'000;

/// Replies by which a server says that it is not the one that was asked for: it does not know the
/// order (404), or the name (421, RFC 9110 section 15.5.20).
bool is_elsewhere(int status) {
  return status == 404 || status == 421;
}

}  // namespace

/// Holds all that the thread touches; `owner` is null once the upload is gone.
struct Upload::Job {
  uv_work_t request{};
  std::shared_ptr<Delivery> delivery;
  Delivery::Turn turn;
  Upload* owner = nullptr;
};

Upload::Upload(const Host& host, StartUpload start, What what,
               std::function<void(const UploadResult&)> on_done)
    : host_(host),
      start_(std::move(start)),
      on_done_(std::move(on_done)),
      stall_(host.loop, [this] { finish(is_refused_ ? kNoMore : "the L1 takes no bytes"); }),
      later_(host.loop, [this] { on_done_(result_); }),
      reach_(host.loop,
             [this] { on_unreachable("it was not reached in time", tls::Fault::kNone); }),
      is_cancelled_(what == What::kAcknowledgement) {
  const auto& data_url = start_.order.data_url;
  if (data_url && host_.may_use(*data_url)) data_url_ = data_url;
  stall_.start(limits::kUploadStallMs);
  restart();
}

Upload::~Upload() {
  drop_job();
}

void Upload::drop_job() {
  if (job_) job_->owner = nullptr;
  job_ = nullptr;
}

void Upload::cancel() {
  if (is_over_ || is_cancelled_ || is_refused_ || is_all_sent_) return;  // It ends by itself.
  drop_job();
  turn_.reset();
  if (!is_head_sent_) return acknowledge();
  is_refused_ = true;
  stall_.start(kCancelledReplyMs);
}

void Upload::acknowledge() {
  is_cancelled_ = true;
  result_ = {.is_cancelled = true};
  turn_ = Delivery::Turn{.is_last = true};
  if (std::exchange(data_url_, {})) {
    reach_.stop();
    link_.reset();
    is_ready_ = false;
  }
  if (!link_) return open_link();
  pump();
}

void Upload::restart() {
  drop_job();
  turn_.reset();
  result_ = {};
  said_.clear();
  reach_.stop();
  is_ready_ = is_head_sent_ = is_all_sent_ = false;
  if (is_cancelled_) return acknowledge();
  delivery_ = std::make_shared<Delivery>(host_.store, start_.order);
  make_turn();
}

void Upload::restart_at_l1() {
  link_.reset();
  data_url_.reset();
  is_fresh_ = false;
  restart();
}

void Upload::on_unreachable(const std::string& why, tls::Fault fault) {
  host_.on_unreachable(*data_url_, why, fault);
  restart_at_l1();
}

void Upload::make_turn() {
  job_ = new Job{};
  job_->request.data = job_;
  job_->delivery = delivery_;
  job_->owner = this;
  const int error = uv_queue_work(
      host_.loop.raw(), &job_->request,
      [](uv_work_t* request) noexcept {
        auto* job = static_cast<Job*>(request->data);
        job->turn = job->delivery->next(limits::kUploadTurnBytes);
      },
      [](uv_work_t* request, int) noexcept {
        const std::unique_ptr<Job> job(static_cast<Job*>(request->data));
        if (!job->owner) return;
        job->owner->job_ = nullptr;
        job->owner->on_turn(std::move(job->turn));
      });
  check(error == 0, "uv_queue_work refused its arguments");
}

void Upload::on_turn(Delivery::Turn turn) {
  if (turn.failure) {
    result_.why = turn.failure->text();
    if (is_head_sent_)
      return finish(result_.why);  // The body is cut, so it is not taken for whole.
    result_.is_not_found = true;
    lacks_ = turn.lacks;
    turn.slices.clear();
    turn.is_last = true;
    is_aborting_ = host_.generation == Generation::kLegacy;
  }
  if (!is_head_sent_ && start_.begin_by_ms && host_.loop.now_ms() >= *start_.begin_by_ms) {
    return acknowledge();  // The deadline has passed.
  }
  if (is_refused_) return;
  turn_ = std::move(turn);
  if (!link_) return open_link();
  pump();
}

void Upload::open_link() {
  link_ = host_.take_link(to(), is_fresh_);
  if (data_url_) reach_.start(host_.data_url_ms);
  link_->begin({.on_ready = [this] { on_ready(); },
                .on_drained = [this] { pump(); },
                .on_head = [this](const http::Head& head) { on_head(head.status); },
                .on_body =
                    [this](Bytes bytes) {
                      said_.append(as_text(bytes), 0, limits::kRefusalBytesMax - said_.size());
                    },
                .on_end = [this] { on_end(); },
                .on_lost = [this](const std::string& why) { on_lost(why); }});
}

std::string Upload::request_head() const {
  const Order& order = start_.order;
  auto head = http::HeadWriter::request(
      "POST", "/data/" + order.request.root.text() + "?requestId=" + text_of(order.request_id));
  head.add("Host", to().authority());
  if (is_cancelled_) {
    head.add(kCancelledHeader, "1").add("Content-Length", uint64_t{0});
  } else if (result_.is_not_found && !is_aborting_) {
    head.add(kNotFoundHeader, text_of(lacks_)).add("Content-Length", uint64_t{0});
  } else {
    if (order.skip > 0) head.add(kSkipHeader, order.skip);
    head.add("Content-Type", "application/vnd.ipld.car; version=1");
    head.add("Transfer-Encoding", "chunked");
  }
  return head.finish();
}

void Upload::on_ready() {
  reach_.stop();
  is_ready_ = true;
  pump();
}

void Upload::pump() {
  if (!is_ready_ || !turn_ || is_refused_ || !link_->is_drained()) return;
  stall_.start(limits::kUploadStallMs);
  Slices out;
  const auto put = [&out](Bytes bytes) { out.push_back(Slice::copy_of(bytes)); };
  if (!is_head_sent_) put(as_bytes(request_head()));
  is_head_sent_ = true;
  const uint64_t size = total_size(turn_->slices);
  if (size > 0) {
    put(http::ChunkHead(size).bytes());
    out.insert(out.end(), std::make_move_iterator(turn_->slices.begin()),
               std::make_move_iterator(turn_->slices.end()));
    put(as_bytes(http::kChunkEnd));
  }
  result_.bytes += size;
  is_all_sent_ = turn_->is_last && !is_aborting_;
  const bool has_body = !result_.is_not_found && !is_cancelled_;
  if (is_all_sent_ && has_body) put(as_bytes(http::kLastChunk));
  const bool is_more = !turn_->is_last;
  turn_.reset();
  link_->write(std::move(out));
  if (is_aborting_) return finish("aborted, since the block is not held");
  if (is_more) make_turn();
}

void Upload::on_lost(const std::string& why) {
  if (is_refused_) return finish(kNoMore);
  // The L1 may have closed a reused connection just before this request: then it has seen nothing
  // of it, though the kernel has taken some bytes.
  if (link_->is_used() && result_.status == 0 && result_.bytes <= limits::kUploadRetryBytes) {
    is_fresh_ = true;
    link_.reset();
    return restart();
  }
  // A worker that refuses this side's certificate says so only after the handshake (RFC 8446,
  // section 2), which looks like a connection that is lost before there is a reply.
  if (data_url_ && result_.status == 0 && result_.bytes <= limits::kUploadRetryBytes) {
    return on_unreachable(why, link_->fault());
  }
  finish(why);
}

void Upload::on_head(int status) {
  if (data_url_ && is_elsewhere(status) && !is_refused_) return restart_at_l1();
  result_.status = status;
  if (is_all_sent_) return;
  is_refused_ = true;
  stall_.start(limits::kRefusalWaitMs);
}

void Upload::on_end() {
  if (result_.status != 200) result_.code = read_refusal(result_.status, {}, said_).code;
  if (is_refused_) return finish(kNoMore);
  result_.is_complete = true;
  // Where the order was over, its name may have led to the broker: such a connection must not be
  // kept for further orders, which a worker takes.
  const bool may_be_kept = !data_url_ || result_.status == 200;
  if (may_be_kept && link_->is_reusable()) host_.give_link(std::move(link_));
  finish();
}

void Upload::finish(std::string why) {
  result_.why = std::move(why);
  result_.is_direct = data_url_.has_value();
  is_over_ = true;
  drop_job();
  stall_.stop();
  reach_.stop();
  link_.reset();
  later_.start(0);
}

}  // namespace daphnis::l2
