#pragma once

#include <span>
#include <string>
#include <utility>

#include "common/ipc/ipc_messages.h"
#include "worker/l2/l2_connection.h"

namespace daphnis::worker {

/// A connection that the broker has handed off with one POST on it (DESIGN 4a). It ends with a
/// socket to close or to give back.
class HandedOffPost final : public L2Connection, private PostCarrier {
 public:
  /// What the Handoff message says of the socket, for the message that gives it back.
  struct Origin {
    uint64_t cookie = 0;
    std::string address = {};
  };

  HandedOffPost(ConnectionId id, Agenda& agenda, Origin origin, const Proof::Context& context,
                Proof::Attempt attempt, const CarRequest& request, uint64_t now_ms)
      : L2Connection(id, agenda),
        origin_(std::move(origin)),
        post_(*this, context, std::move(attempt), request, now_ms) {}

  [[nodiscard]] PostStream* post() override { return &post_; }
  /// The message that goes to the broker with the socket. Valid where the ending is kGiveBack.
  [[nodiscard]] ipc::ReturnSocket give_back() const {
    return {.cookie = origin_.cookie, .surplus = post_.surplus(), .address = origin_.address};
  }

  void on_bytes(const Slice& input, uint64_t now_ms) override { post_.on_bytes(input, now_ms); }
  void on_eof(uint64_t now_ms) override { post_.on_eof(now_ms); }
  void on_lost(uint64_t now_ms) override { post_.on_lost(now_ms); }
  void on_written(size_t size, uint64_t /*now_ms*/) override { post_.on_written(size); }
  void on_time(uint64_t now_ms) override { post_.on_time(now_ms); }
  [[nodiscard]] size_t output(std::span<Bytes> views) override { return post_.output(views); }
  [[nodiscard]] bool wants_input() const override { return post_.wants_input(); }
  [[nodiscard]] bool keeps_input() const override { return post_.keeps_input(); }
  [[nodiscard]] Ending ending() const override { return post_.ending(); }

 private:
  // PostCarrier
  void on_post_changed() override { wake(); }
  void call_post_at(uint64_t at_ms) override { be_called_at(at_ms); }

  Origin origin_;
  PostStream post_;
};

}  // namespace daphnis::worker
