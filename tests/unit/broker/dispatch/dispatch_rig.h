#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/dispatch/dispatcher.h"
#include "tests/unit/broker/cid_number.h"
#include "tests/unit/broker/fake_line.h"

namespace daphnis::broker {

inline constexpr WorkerId kWorker{1};

/// A dispatcher with the parts it uses, and one worker: its L2s are fake lines, and no broker and
/// no protocol is around it. Each L2 has an address of its own.
class Dispatch {
 public:
  explicit Dispatch(Settings settings = {})
      : context{.settings = std::move(settings),
                .random = [this] { return next_uuid(); },
                .out = {},
                .timers = {},
                .counters = {}} {}

  /// Registers `id` by a line to `l2`.
  L2& add(FakeL2& l2, const std::string& id, uint32_t capacity = 3,
          const Capabilities& capabilities = kV2Capabilities) {
    const uint64_t host = hosts_.try_emplace(id, hosts_.size() + 1).first->second;
    return add_from("192.0.2." + std::to_string(host), l2, id, capacity, capabilities);
  }
  /// The same from that address.
  L2& add_from(const std::string& address, FakeL2& l2, const std::string& id, uint32_t capacity = 3,
               const Capabilities& capabilities = kV2Capabilities) {
    auto opened =
        registrations.open({.l2_id = id, .capabilities = capabilities, .capacity = capacity},
                           std::make_unique<FakeLine>(l2), address, now_ms);
    REQUIRE(opened);
    replaced = std::move(opened->replaced);
    return *opened->l2;
  }
  /// Registers `id` as add() does, in an input of its own.
  L2& come_back(FakeL2& l2, const std::string& id, uint32_t capacity = 3) {
    L2& added = add(l2, id, capacity);
    dispatcher.on_registered();
    dispatcher.reroute(now_ms);
    return added;
  }
  /// The L2 announces the root of that number.
  Claims::Announced announce(const L2& l2, uint64_t root) {
    return registrations.claims().announce(l2, key_of_multihash(cid_number(root)), now_ms);
  }
  /// An order of long ago has proven some block of the L2.
  void make_known(L2& l2) {
    static_cast<void>(registrations.health().add_end(
        l2.health->no(), {.how = OrderEnd::How::kServed, .blocks_proven = 1}, now_ms));
    registrations.strangers().update(l2);
  }
  /// Begins the fetch number `n`, with the trace id "t-n", for a DAG that `holder` has announced.
  void fetch(uint64_t n, const L2& holder, const CarRequest& request = {.root = cid_number(42)}) {
    registrations.holdings().add(holder, key_of_multihash(request.root));
    fetch_unannounced(n, request);
  }
  /// The same for a DAG that nobody announces for it.
  void fetch_unannounced(uint64_t n, const CarRequest& request) {
    REQUIRE(dispatcher.on_fetch(kWorker,
                                {.fetch_id = n,
                                 .request = request,
                                 .key = key_of(request),
                                 .trace_id = "t-" + std::to_string(n),
                                 .deadline_ms = 30'000},
                                now_ms));
  }
  void cancel(uint64_t n) { dispatcher.on_cancel(kWorker, WorkerFetchId{n}, now_ms); }
  /// The head of a POST comes for the last order of an L2, and goes to the worker if it may.
  Dispatcher::Verdict post(const FakeL2& l2) {
    const auto order = l2.orders.back();
    const auto decision =
        dispatcher.on_delivery(order.attempt_id, order.request.root, std::nullopt, false, now_ms);
    if (decision.verdict == Dispatcher::Verdict::kHandOff) {
      (void)dispatcher.hand_off(order.attempt_id, now_ms);
    }
    return decision.verdict;
  }
  /// An L2 says for its last order that it lacks the root.
  void say_not_found(const FakeL2& l2) {
    const auto order = l2.orders.back();
    CHECK(
        dispatcher.on_delivery(order.attempt_id, order.request.root, NotFound::kRoot, false, now_ms)
            .verdict == Dispatcher::Verdict::kNotFound);
  }
  /// A POST for the L2's order number `n`, from 0 on, comes although nobody waits for it.
  void post_late(const FakeL2& l2, size_t n) {
    const auto order = l2.orders[n];
    const auto decision =
        dispatcher.on_delivery(order.attempt_id, order.request.root, std::nullopt, false, now_ms);
    CHECK(decision.verdict == Dispatcher::Verdict::kCancelled);
  }
  /// The worker reports how the last order of an L2 ended. Besides the bytes used, the L2 has sent
  /// 8 MiB that had come before.
  void report(const FakeL2& l2, Outcome outcome, bool wants_another, uint64_t blocks_proven = 0,
              uint64_t used_bytes = 0) {
    (void)dispatcher.on_attempt_ended(kWorker,
                                      {.attempt_id = l2.orders.back().attempt_id,
                                       .outcome = outcome,
                                       .wants_another = wants_another,
                                       .blocks_proven = blocks_proven,
                                       .body_bytes = used_bytes + 8 * limits::kMiB,
                                       .used_bytes = used_bytes},
                                      now_ms);
  }
  /// The L2's transport has `bytes` left to send.
  void report_unsent(L2& l2, size_t bytes) {
    registrations.on_unsent(l2, bytes, now_ms);
    dispatcher.serve_queue(l2, now_ms);
  }
  /// Its registration is lost. Returns its line.
  std::unique_ptr<L2Line> lose(L2& l2) {
    dispatcher.on_registration_lost(l2, now_ms);
    auto line = registrations.remove(l2, "lost", now_ms);
    dispatcher.reroute(now_ms);
    return line;
  }
  /// Lets time pass. All L2s read their lines, and each deadline on the way is met in its turn.
  void advance(uint64_t ms) {
    const uint64_t end_ms = now_ms + ms;
    while (true) {
      registrations.registry().for_each([&](L2& l2) { registrations.on_unsent(l2, 0, now_ms); });
      const auto due = context.timers.pop_due(end_ms);
      if (!due) break;
      now_ms = std::max(now_ms, due->at_ms);
      if (due->kind == TimerKind::kFetch) {
        dispatcher.on_timer(FetchNo{due->id}, due->number, now_ms);
      } else if (due->kind == TimerKind::kL2) {
        registrations.on_timer(L2No{due->id}, now_ms);
      } else if (due->kind == TimerKind::kPlaces) {
        dispatcher.on_places_timer(L2No{due->id}, now_ms);
      } else if (due->kind == TimerKind::kPlacesWanted) {
        dispatcher.on_places_wanted_timer(L2No{due->id}, now_ms);
      }
    }
    now_ms = end_ms;
  }
  /// Takes the messages of this kind out of all that the worker was told since the last call for
  /// any kind.
  template <class Message>
  std::vector<Message> told() {
    std::vector<Command> commands;
    context.out.drain(commands);
    std::vector<Message> found;
    for (const Command& command : commands) {
      const auto* sent = std::get_if<SendWorker>(&command);
      const auto* message = sent ? std::get_if<Message>(&sent->message) : nullptr;
      if (message) found.push_back(*message);
    }
    return found;
  }
  /// The failures that the worker was told since the last call, by fetch.
  std::map<uint64_t, Outcome> failures() {
    std::map<uint64_t, Outcome> found;
    for (const auto& failed : told<ipc::FetchFailed>()) {
      found.emplace(failed.fetch_id, failed.reason);
    }
    return found;
  }

 private:
  Uuid next_uuid() {
    Uuid out{};
    const uint64_t number = ++uuids_;
    for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(number >> (8 * i));
    return out;
  }

  uint64_t uuids_ = 0;
  std::map<std::string, uint64_t> hosts_;  ///< Of the addresses, by id.

 public:
  uint64_t now_ms = 1'000;
  Context context;
  Registrations registrations{context};
  Cache cache{context};
  Dispatcher dispatcher{context, registrations, cache};
  std::unique_ptr<L2Line> replaced;  ///< By the last add().
};

}  // namespace daphnis::broker
