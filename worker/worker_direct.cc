// The part of Worker for direct deliveries: POSTs of L2s that come to the worker itself.

#include <utility>

#include "common/base/limits.h"
#include "common/request/delivery_replies.h"
#include "worker/worker.h"

namespace daphnis::worker {
namespace {

constexpr BadTarget kNotFoundTaken{200, "not_found_taken", ""};
constexpr BadTarget kNoRequestId{400, "no_request_id", "to a worker an L2 says the request's id"};

ipc::DirectSays says(NotFound what) {
  switch (what) {
    case NotFound::kRoot:
      return ipc::DirectSays::kLacksRoot;
    case NotFound::kBlock:
      return ipc::DirectSays::kLacksBlock;
    case NotFound::kUnspecified:
      break;
  }
  return ipc::DirectSays::kLacks;
}

}  // namespace

void Worker::set_data_ports(DataPorts ports) {
  if (ports == std::exchange(data_ports_, ports)) return;
  if (broker_.is_up()) tell_direct_ways();
}

void Worker::tell_direct_ways() {
  broker_.send(ipc::DirectReady{.has_certificates = settings_.has_certificates,
                                .asks_certificates = settings_.asks_l2_certificates,
                                .port = data_ports_.plain,
                                .tls_port = data_ports_.tls});
}

Connection* Worker::on_direct(DirectPeer peer, uint64_t now_ms) {
  const bool is_wanted = !is_draining() || direct_attempts_.out() > 0;
  if (!is_wanted || !make_place_for_direct()) return nullptr;
  const auto id = numbers_.next<ConnectionId>();
  DirectPosts& posts = *this;
  auto made = std::make_unique<DirectConnection>(id, agenda_, posts, std::move(peer), now_ms);
  return direct_.emplace(id, std::move(made)).first->second.get();
}

/// False where kDirectConnectionsMax are open and none can be closed for a further one.
bool Worker::make_place_for_direct() {
  if (direct_.size() < limits::kDirectConnectionsMax) return true;
  DirectConnection* longest = nullptr;
  for (const auto& [id, direct] : direct_) {
    const auto since_ms = direct->idle_since_ms();
    if (since_ms && (!longest || *since_ms < *longest->idle_since_ms())) longest = direct.get();
  }
  if (longest) longest->shed();
  return longest != nullptr;
}

void Worker::close_idle_direct() {
  for (const auto& [id, direct] : direct_) {
    if (direct->idle_since_ms()) direct->shed();
  }
}

void Worker::on_attempt_over(const ipc::AttemptOver& over, uint64_t now_ms) {
  const bool was_out = direct_attempts_.find(over.attempt_id) != nullptr;
  direct_attempts_.end(over.attempt_id, over.was_delivered, now_ms);
  if (!was_out) end_attempt(over.attempt_id, now_ms);  // Its stream has begun meanwhile.
}

DirectPosts::Verdict Worker::on_post(PostCarrier& carrier, const DataTarget& target,
                                     const DirectPeer& peer, Answer answer, uint64_t now_ms) {
  if (!target.attempt_id) return {.reply = kNoRequestId};
  const std::string_view its_id = direct_attempts_.certificate_of(*target.attempt_id);
  if (!its_id.empty() && its_id != peer.certified_id) {
    broker_.send(ipc::DirectDelivery{*target.attempt_id, ipc::DirectSays::kIsOther});
    return {.reply = delivery_replies::kOtherL2};
  }
  const ipc::AttemptOut* known = direct_attempts_.find(*target.attempt_id);
  if (!known) {
    const bool is_over = direct_attempts_.was_delivered(*target.attempt_id, now_ms).has_value();
    if (!is_over && answer == Answer::kNone && broker_.is_up()) {
      broker_.send(ipc::AttemptQuestion{*target.attempt_id});
      return {.awaits_answer = true};
    }
    if (!is_over && answer == Answer::kElsewhere) return send_elsewhere(peer);
    return {.reply = refuse_directly(*target.attempt_id, target.acknowledges_cancel, now_ms)};
  }
  if (known->needs_tls && !peer.over_tls) {
    broker_.send(ipc::DirectDelivery{*target.attempt_id, ipc::DirectSays::kInClear});
    return {.reply = delivery_replies::kInClear};
  }
  const ipc::AttemptOut attempt = *known;
  const Fetch* fetch = fetches_.find_asked(QuestionId{attempt.fetch_id});
  // The attempt stays open, since a POST for another root may be a mistake of anybody.
  if (fetch && !fetch->request().root.names_same_block(target.root))
    return {.reply = delivery_replies::kWrongRoot};
  direct_attempts_.end(attempt.attempt_id, true, now_ms);
  if (!target.not_found) return {.post = take_directly(carrier, attempt, now_ms)};
  broker_.send(ipc::DirectDelivery{attempt.attempt_id, says(*target.not_found)});
  return {.reply = kNotFoundTaken};
}

void Worker::on_attempt_answer(const ipc::AttemptAnswer& answer, uint64_t now_ms) {
  for (const auto& [id, direct] : direct_) direct->on_answer(answer, now_ms);
}

/// A POST that is the broker's business goes there with its connection. A TLS session cannot move.
DirectPosts::Verdict Worker::send_elsewhere(const DirectPeer& peer) {
  if (peer.over_tls || !broker_.is_up()) return {.reply = delivery_replies::kElsewhere};
  return {.goes_to_broker = true};
}

/// The POST of an attempt that is out, and a source of its fetch; given up where that wants none.
std::unique_ptr<PostStream> Worker::take_directly(PostCarrier& carrier,
                                                  const ipc::AttemptOut& attempt, uint64_t now_ms) {
  broker_.send(ipc::DirectDelivery{attempt.attempt_id, ipc::DirectSays::kCar});
  Fetch* fetch = find_taker(attempt.fetch_id);
  auto post =
      std::make_unique<PostStream>(carrier, proof_context_,
                                   Proof::Attempt{.question_id = QuestionId{attempt.fetch_id},
                                                  .id = attempt.attempt_id,
                                                  .shape = attempt.shape,
                                                  .number = attempt.attempt_number,
                                                  .l2_id = attempt.l2_id},
                                   fetch ? fetch->request() : CarRequest{}, now_ms);
  if (fetch) {
    fetch->forget_join();
    fetch->add_source(post->proof(), attempt.admission, now_ms);
  } else {
    post->proof().give_up(Outcome::kCancelled, now_ms);
  }
  return post;
}

/// The reply to a POST of no attempt that is out. The broker is told where the L2 has a place back.
BadTarget Worker::refuse_directly(const Uuid& id, bool acknowledges_cancel, uint64_t now_ms) {
  const auto was_delivered = direct_attempts_.was_delivered(id, now_ms);
  if (!was_delivered) return delivery_replies::kUnknown;
  if (*was_delivered) return delivery_replies::kDelivered;
  broker_.send(ipc::DirectDelivery{
      id, acknowledges_cancel ? ipc::DirectSays::kAcknowledgesCancel : ipc::DirectSays::kLate});
  return delivery_replies::kCancelled;
}

}  // namespace daphnis::worker
