// Tests of the listening sockets that a worker holds, offers and closes.

#include "common/base/limits.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

const std::string kAddress = "192.0.2.1:80";
using Cookies = std::vector<uint64_t>;

Cookies offered(Rig& rig) {
  Cookies cookies;
  for (const ipc::Listening& offer : rig.worker.listeners().take_offers()) {
    CHECK(offer.address == kAddress);
    cookies.push_back(offer.cookie);
  }
  return cookies;
}

/// The broker gives a socket to the worker (index 3, as Rig makes it).
void give(Rig& rig, uint64_t cookie, uint32_t slot) {
  Connection* stream = nullptr;
  REQUIRE(rig.worker.on_broker_message(
      ipc::ListenerGiven{.listener_id = cookie + 1'000, .slot = slot, .cookie = cookie}, true,
      rig.now_ms, &stream));
  rig.after_input();
}

/// A worker that accepts on a socket of its own, of which the broker keeps a copy.
void serve(Rig& rig, uint64_t cookie) {
  Listeners& listeners = rig.worker.listeners();
  listeners.start(kAddress, rig.now_ms);
  rig.start_broker();
  rig.tell(ipc::ListenersGiven{});
  REQUIRE(listeners.take_must_bind());
  listeners.on_bound(cookie);
  CHECK(offered(rig) == Cookies{cookie});
  rig.tell(ipc::ListenerKept{.listener_id = cookie + 1'000, .cookie = cookie});
}

}  // namespace

TEST_CASE("a worker asks for its listening socket and binds one where there is none",
          "[worker][listeners]") {
  Rig rig;
  Listeners& listeners = rig.worker.listeners();
  listeners.start(kAddress, rig.now_ms);
  rig.start_broker();
  CHECK(rig.only<ipc::ListenersWanted>().address == kAddress);
  CHECK_FALSE(listeners.take_must_bind());
  SECTION("the broker has one") {
    give(rig, 7, 3);
    CHECK(rig.only<ipc::ListenerTaken>().is_taken);
    rig.tell(ipc::ListenersGiven{});
    rig.pass_time(limits::kListenerWaitMs);
    CHECK_FALSE(listeners.take_must_bind());
    CHECK(offered(rig).empty());
  }
  SECTION("the broker has only another's") {
    give(rig, 8, 0);
    rig.tell(ipc::ListenersGiven{});
    CHECK(listeners.take_must_bind());
  }
  SECTION("the broker has none") {
    rig.tell(ipc::ListenersGiven{});
    CHECK(listeners.take_must_bind());
    listeners.on_bound(9);
    CHECK(offered(rig) == Cookies{9});
    rig.pass_time(limits::kListenerWaitMs);
    CHECK_FALSE(listeners.take_must_bind());
  }
  SECTION("the broker does not say") {
    rig.pass_time(limits::kListenerWaitMs - 1);
    CHECK_FALSE(listeners.take_must_bind());
    rig.pass_time(1);
    CHECK(listeners.take_must_bind());
  }
  SECTION("the socket was lost on its way") {
    Connection* stream = nullptr;
    REQUIRE(
        rig.worker.on_broker_message(ipc::ListenerGiven{.cookie = 7}, false, rig.now_ms, &stream));
    rig.after_input();
    CHECK_FALSE(rig.only<ipc::ListenerTaken>().is_taken);
    rig.tell(ipc::ListenersGiven{});
    CHECK(listeners.take_must_bind());
  }
}

TEST_CASE("a worker without a broker binds its own soon and offers it later",
          "[worker][listeners]") {
  Rig rig;
  Listeners& listeners = rig.worker.listeners();
  listeners.start(kAddress, rig.now_ms);
  rig.pass_time(limits::kListenerWaitMs);
  REQUIRE(listeners.take_must_bind());
  listeners.on_bound(9);
  CHECK(offered(rig).empty());
  rig.start_broker();
  CHECK(offered(rig) == Cookies{9});
  rig.tell(ipc::ListenersGiven{});
  CHECK_FALSE(listeners.take_must_bind());
}

TEST_CASE("each broker is offered all that the worker serves", "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  give(rig, 10, 1);
  rig.stop_broker();
  CHECK(offered(rig).empty());
  rig.start_broker();
  CHECK(offered(rig) == Cookies{9, 10});
}

TEST_CASE("a stand-in closes what it is told to", "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  give(rig, 10, 1);
  rig.tell(ipc::ListenerRelease{.listener_id = 1'010});
  CHECK(rig.worker.listeners().take_closed() == Cookies{10});
  rig.tell(ipc::ListenerRelease{.listener_id = 1'010});
  CHECK(rig.worker.listeners().take_closed().empty());
}

TEST_CASE("a worker that leaves says so and closes what the broker keeps", "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  rig.worker.drain(rig.now_ms);
  CHECK(rig.worker.listeners().take_closed() == Cookies{9});
  rig.after_input();
  CHECK(rig.sent<ipc::Leaving>().size() == 1);
  give(rig, 11, 1);  // The socket was on its way.
  CHECK(rig.worker.listeners().take_closed() == Cookies{11});
}

TEST_CASE("a worker that leaves serves on what no broker keeps until one does",
          "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  rig.stop_broker();
  rig.worker.drain(rig.now_ms);
  CHECK(rig.worker.listeners().take_closed().empty());
  rig.start_broker();
  CHECK(rig.sent<ipc::Leaving>().size() == 1);
  CHECK(offered(rig) == Cookies{9});
  CHECK(rig.sent<ipc::ListenersWanted>().size() == 1);  // The first broker was asked.
  rig.tell(ipc::ListenerKept{.listener_id = 1, .cookie = 9});
  CHECK(rig.worker.listeners().take_closed() == Cookies{9});
}

TEST_CASE("a worker that leaves before it has a socket binds none", "[worker][listeners]") {
  Rig rig;
  Listeners& listeners = rig.worker.listeners();
  listeners.start(kAddress, rig.now_ms);
  rig.worker.drain(rig.now_ms);
  rig.pass_time(limits::kListenerWaitMs);
  rig.start_broker();
  rig.tell(ipc::ListenersGiven{});
  CHECK_FALSE(listeners.take_must_bind());
}

}  // namespace daphnis::worker::test
