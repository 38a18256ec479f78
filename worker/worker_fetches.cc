// The part of Worker that gets content: hand-offs, and the broker's word on a question.

#include <utility>

#include "common/base/limits.h"
#include "worker/worker.h"

namespace daphnis::worker {
namespace {

/// An answer that asks for a window at a time asks again after so long where it gets none: its L2
/// may have no place at the moment, or be away for a while.
constexpr uint64_t kAskAloneAgainMs = 1'000;

/// How long to wait before a fetch that was refused asks again, in ms; 0: it does not.
uint64_t wait_to_ask_again(const Fetch& fetch, Outcome why) {
  // A broker that has just started knows no L2s yet; an answer that has begun waits for them.
  if (why == Outcome::kNoL2 && fetch.has_begun()) return limits::kAskAgainMs;
  const bool may_pass =
      why == Outcome::kOverloaded || why == Outcome::kNotFound || why == Outcome::kSilent;
  return fetch.asks_alone() && may_pass ? kAskAloneAgainMs : 0;
}

}  // namespace

/// Begins a fetch without readers, which fills the cache. Nothing is done for content whose fetch
/// is under way.
void Worker::on_warm(const ipc::Warm& warm, uint64_t now_ms) {
  const RequestKey key = key_of(warm.request);
  if (fetches_.is_under_way(key) || is_draining() || is_forgeable(warm.request.root)) return;
  if (denials_.denylist().judge(warm.request.root, warm.request.path).denial) return;
  Fetch& fetch = fetches_.begin(warm.request, key, "warm", Network{}, now_ms);
  fetch.warm();
  fetches_.drop_if_unwanted(fetch, now_ms);
}

void Worker::on_fetch_time(Fetch& fetch, uint64_t now_ms) {
  if (fetch.is_seeking_place()) return seek_place(fetch, now_ms);
  fetch.on_time(now_ms);
  fetches_.part(fetch, now_ms);
  if (fetch.take_resumption(now_ms)) fetches_.ask(fetch, false, now_ms);
  if (!fetch.lacks_source()) {
    fetches_.drop_if_unwanted(fetch, now_ms);  // The fetch's source has deadlines of its own.
  } else if (now_ms >= fetch.deadline_ms()) {
    fail_fetch(fetch, Outcome::kDeadline, now_ms);
  } else if (fetches_.take_asks_again(fetch) && broker_.is_up()) {
    fetches_.ask(fetch, false, now_ms);
  } else if (!broker_.is_up() && !fetch.has_begun()) {
    fail_fetch(fetch, Outcome::kBrokerAway, now_ms);
  }
}

void Worker::fail_fetch(Fetch& fetch, Outcome why, uint64_t now_ms) {
  broker_.send(ipc::CancelFetch{std::to_underlying(fetch.question_id())});
  fetch.fail(why, 0, now_ms);
  fetches_.erase(fetch);
}

Fetch* Worker::find_taker(uint64_t fetch_id) const {
  Fetch* fetch = fetches_.find_asked(QuestionId{fetch_id});
  return fetch && fetch->takes_source() ? fetch : nullptr;
}

Connection* Worker::on_handoff(const ipc::Handoff& handoff, bool has_socket, uint64_t now_ms) {
  // An L2 that delivers twice at once may come here behind what it has delivered directly.
  const bool is_second = direct_attempts_.was_delivered(handoff.attempt_id, now_ms) == true;
  direct_attempts_.end(handoff.attempt_id, true, now_ms);
  if (is_second) {
    broker_.send(ipc::HandoffTaken{handoff.attempt_id});
    return nullptr;
  }
  Fetch* fetch = find_taker(handoff.fetch_id);
  if (!has_socket) {
    broker_.send(ipc::AttemptEnded{.fetch_id = handoff.fetch_id,
                                   .attempt_id = handoff.attempt_id,
                                   .outcome = Outcome::kHandOffLost,
                                   .wants_another = fetch != nullptr});
    return nullptr;
  }
  const auto id = numbers_.next<ConnectionId>();
  Proof::Attempt attempt{.question_id = QuestionId{handoff.fetch_id},
                         .id = handoff.attempt_id,
                         .shape = handoff.shape,
                         .number = handoff.attempt_number,
                         .l2_id = handoff.l2_id};
  const CarRequest& request = fetch ? fetch->request() : CarRequest{};
  HandedOffPost::Origin origin{.cookie = handoff.cookie, .address = handoff.address};
  auto made = std::make_unique<HandedOffPost>(id, agenda_, std::move(origin), proof_context_,
                                              std::move(attempt), request, now_ms);
  HandedOffPost& stream = *streams_.emplace(id, std::move(made)).first->second;
  PostStream& post = *stream.post();
  if (fetch) {
    fetch->forget_join();
    fetch->add_source(post.proof(), handoff.admission, now_ms);
    post.start(handoff.received, now_ms);
  } else {
    post.proof().give_up(Outcome::kCancelled, now_ms);
  }
  // A small answer has often come as a whole, and its end says that it was taken.
  if (!post.proof().has_ended()) broker_.send(ipc::HandoffTaken{handoff.attempt_id});
  return &stream;
}

PostStream* Worker::find_post(const Uuid& attempt_id) const {
  const auto is_its = [&](PostStream* post) {
    return post && post->proof().attempt().id == attempt_id;
  };
  for (const auto& [id, stream] : streams_) {
    if (is_its(stream->post())) return stream->post();
  }
  for (const auto& [id, direct] : direct_) {
    if (is_its(direct->post())) return direct->post();
  }
  return nullptr;
}

/// Others wait for the L2 of an attempt. It is cut where it cannot be yielded and its readers are
/// very slow.
void Worker::on_place_wanted(const ipc::PlaceWanted& wanted, uint64_t now_ms) {
  const PostStream* post = find_post(wanted.attempt_id);
  Fetch* fetch = post ? post->proof().fetch() : nullptr;
  if (!fetch || !fetch->is_pacing(now_ms)) return;
  fetch_context_.slow.readers_cut += fetch->readers();
  fail_fetch(*fetch, Outcome::kClientSlow, now_ms);
}

/// Its fetch, which still has it as a source, asks for another one.
void Worker::end_attempt(const Uuid& id, uint64_t now_ms) {
  if (PostStream* post = find_post(id)) post->proof().give_up(Outcome::kCancelled, now_ms);
}

void Worker::on_fetch_failed(const ipc::FetchFailed& refusal, uint64_t now_ms) {
  Fetch* fetch = fetches_.find_asked(QuestionId{refusal.fetch_id});
  // The message crossed with a cancel, or is about an older attempt.
  if (!fetch || !fetch->lacks_source()) return;
  const uint64_t wait_ms = wait_to_ask_again(*fetch, refusal.reason);
  if (wait_ms > 0 && now_ms + wait_ms < fetch->deadline_ms()) {
    fetches_.set_asks_again(*fetch);
    return agenda_.call_at(fetch->id(), now_ms + wait_ms);
  }
  fetch->on_refused(refusal, now_ms);
  fetches_.erase(*fetch);
}

}  // namespace daphnis::worker
