#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/registry/l2_line.h"
#include "common/ipc/ipc_messages.h"

namespace daphnis::broker {

/// What the L2 at the other end of a FakeLine was told. Owned by a test case; outlives the line.
struct FakeL2 {
  /// An order, with its own copies of what it names.
  struct Got {
    Uuid attempt_id{};
    CarRequest request;
    std::string trace_id;
    uint64_t left_ms = 0;
    ipc::Resume resume = {};
  };
  size_t bytes_per_call = 100;  ///< What each call is said to have written.
  std::vector<Uuid> session_keys = {};
  std::vector<Got> orders = {};
  std::vector<Uuid> cancels = {};
  std::vector<Ejection> notices = {};
  std::vector<std::string> contests = {};
  std::vector<std::string> tokens = {};
  size_t heartbeats = 0;
  std::vector<std::string> end_reasons = {};
  size_t cuts = 0;

  [[nodiscard]] std::vector<std::string> trace_ids() const {
    std::vector<std::string> all;
    for (const Got& order : orders) all.push_back(order.trace_id);
    return all;
  }
};

/// A line without any transport: an L2 for tests of what decides about L2s.
class FakeLine final : public L2Line {
 public:
  explicit FakeLine(FakeL2& l2) : l2_(l2) {}

  [[nodiscard]] size_t begin(const Uuid& session_key) override {
    l2_.session_keys.push_back(session_key);
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t order(const Order& order) override {
    l2_.orders.push_back({.attempt_id = order.attempt_id,
                          .request = order.request,
                          .trace_id = std::string(order.trace_id),
                          .left_ms = order.left_ms,
                          .resume = {order.skip, {order.next.begin(), order.next.end()}}});
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t cancel(const Uuid& attempt_id) override {
    l2_.cancels.push_back(attempt_id);
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t notice(const Ejection& ejection) override {
    l2_.notices.push_back(ejection);
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t contested(std::string_view reason) override {
    l2_.contests.emplace_back(reason);
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t token(std::string_view successor) override {
    l2_.tokens.emplace_back(successor);
    return l2_.bytes_per_call;
  }
  [[nodiscard]] size_t heartbeat() override {
    ++l2_.heartbeats;
    return l2_.bytes_per_call;
  }
  void end(std::string_view reason, uint64_t) override { l2_.end_reasons.emplace_back(reason); }
  void cut() override { ++l2_.cuts; }

 private:
  FakeL2& l2_;
};

}  // namespace daphnis::broker
