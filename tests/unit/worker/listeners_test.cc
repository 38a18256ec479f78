// Tests of the listening sockets that a worker holds, offers and closes.

#include <utility>

#include "common/base/limits.h"
#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

const std::string kAddress = "192.0.2.1:80";
using Cookies = std::vector<uint64_t>;

/// True, once, where the worker has asked for a socket of its own.
bool must_bind(Rig& rig) {
  return std::exchange(rig.must_bind, false);
}

/// The cookies of the sockets that were closed since the last call.
Cookies closed(Rig& rig) {
  return std::exchange(rig.closed_listeners, {});
}

/// The cookies of the sockets that were offered since the last call.
Cookies offered(Rig& rig) {
  Cookies cookies;
  for (const ipc::Listening& offer : std::exchange(rig.offers, {})) {
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

/// The worker has bound a socket, as it was asked to.
void bind(Rig& rig, uint64_t cookie) {
  rig.worker.listeners().on_bound(kAddress, cookie);
  rig.after_input();
}

/// A worker that accepts on a socket of its own, of which the broker keeps a copy.
void serve(Rig& rig, uint64_t cookie) {
  rig.driver.start({kAddress}, rig.now_ms);
  rig.start_broker();
  rig.tell(ipc::ListenersGiven{});
  REQUIRE(must_bind(rig));
  bind(rig, cookie);
  CHECK(offered(rig) == Cookies{cookie});
  rig.tell(ipc::ListenerKept{.listener_id = cookie + 1'000, .cookie = cookie});
}

}  // namespace

TEST_CASE("a worker asks for its listening socket and binds one where there is none",
          "[worker][listeners]") {
  Rig rig;
  rig.driver.start({kAddress}, rig.now_ms);
  rig.start_broker();
  CHECK(rig.only<ipc::ListenersWanted>().address == kAddress);
  CHECK_FALSE(must_bind(rig));
  SECTION("the broker has one") {
    give(rig, 7, 3);
    CHECK(rig.only<ipc::ListenerTaken>().is_taken);
    rig.tell(ipc::ListenersGiven{});
    rig.pass_time(limits::kListenerWaitMs);
    CHECK_FALSE(must_bind(rig));
    CHECK(offered(rig).empty());
  }
  SECTION("the broker has only another's") {
    give(rig, 8, 0);
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
  }
  SECTION("the broker has none") {
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
    bind(rig, 9);
    CHECK(offered(rig) == Cookies{9});
    rig.pass_time(limits::kListenerWaitMs);
    CHECK_FALSE(must_bind(rig));
  }
  SECTION("the broker does not say") {
    rig.pass_time(limits::kListenerWaitMs - 1);
    CHECK_FALSE(must_bind(rig));
    rig.pass_time(1);
    CHECK(must_bind(rig));
  }
  SECTION("the socket was lost on its way") {
    Connection* stream = nullptr;
    REQUIRE(
        rig.worker.on_broker_message(ipc::ListenerGiven{.cookie = 7}, false, rig.now_ms, &stream));
    rig.after_input();
    CHECK_FALSE(rig.only<ipc::ListenerTaken>().is_taken);
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
  }
}

TEST_CASE("a worker without a broker binds its own soon and offers it later",
          "[worker][listeners]") {
  Rig rig;
  rig.driver.start({kAddress}, rig.now_ms);
  rig.pass_time(limits::kListenerWaitMs);
  REQUIRE(must_bind(rig));
  bind(rig, 9);
  CHECK(offered(rig).empty());
  rig.start_broker();
  CHECK(offered(rig) == Cookies{9});
  rig.tell(ipc::ListenersGiven{});
  CHECK_FALSE(must_bind(rig));
}

TEST_CASE("a worker that listens on several addresses gets a socket for each",
          "[worker][listeners]") {
  const std::string tls = "tls:192.0.2.1:443";
  Rig rig;
  rig.driver.start({kAddress, tls}, rig.now_ms);
  rig.start_broker();
  const auto asked = rig.sent<ipc::ListenersWanted>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].address == kAddress);
  CHECK(asked[1].address == tls);
  SECTION("the broker has one of the second") {
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
    Connection* stream = nullptr;
    REQUIRE(rig.worker.on_broker_message(
        ipc::ListenerGiven{.listener_id = 1, .slot = 3, .cookie = 7, .address = tls}, true,
        rig.now_ms, &stream));
    rig.tell(ipc::ListenersGiven{});
    CHECK_FALSE(must_bind(rig));
  }
  SECTION("the broker has none") {
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
    rig.tell(ipc::ListenersGiven{});
    CHECK(must_bind(rig));
    rig.worker.listeners().on_bound(tls, 9);
    rig.after_input();
    REQUIRE(rig.offers.size() == 1);
    CHECK(rig.offers[0].address == tls);
  }
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
  CHECK(closed(rig) == Cookies{10});
  rig.tell(ipc::ListenerRelease{.listener_id = 1'010});
  CHECK(closed(rig).empty());
}

TEST_CASE("a worker that leaves says so and closes what the broker keeps", "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  rig.driver.drain(rig.now_ms);
  CHECK(closed(rig) == Cookies{9});
  CHECK(rig.sent<ipc::Leaving>().size() == 1);
  give(rig, 11, 1);  // The socket was on its way.
  CHECK(closed(rig) == Cookies{11});
}

TEST_CASE("a worker that leaves serves on what no broker keeps until one does",
          "[worker][listeners]") {
  Rig rig;
  serve(rig, 9);
  rig.stop_broker();
  rig.driver.drain(rig.now_ms);
  CHECK(closed(rig).empty());
  rig.start_broker();
  CHECK(rig.sent<ipc::Leaving>().size() == 1);
  CHECK(offered(rig) == Cookies{9});
  CHECK(rig.sent<ipc::ListenersWanted>().size() == 1);  // The first broker was asked.
  rig.tell(ipc::ListenerKept{.listener_id = 1, .cookie = 9});
  CHECK(closed(rig) == Cookies{9});
}

TEST_CASE("a worker that leaves before it has a socket binds none", "[worker][listeners]") {
  Rig rig;
  rig.driver.start({kAddress}, rig.now_ms);
  rig.driver.drain(rig.now_ms);
  rig.pass_time(limits::kListenerWaitMs);
  rig.start_broker();
  rig.tell(ipc::ListenersGiven{});
  CHECK_FALSE(must_bind(rig));
}

}  // namespace daphnis::worker::test
