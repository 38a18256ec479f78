// The workers that accept on a listening socket: successors, stand-ins, and none.

#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

using Catch::Matchers::Contains;

const std::string kAddress = "192.0.2.1:80";
constexpr uint64_t kSilentMs = limits::kWorkerPingEveryMs * 2 + limits::kWorkerUnansweredMs;

/// Connects worker `index`, which has bound its own socket, with cookie 100 + index.
WorkerId serve(Rig& rig, uint32_t index) {
  const WorkerId id = rig.connect_worker(index);
  rig.tell(id, ipc::ListenersWanted{.address = kAddress});
  rig.offer_listener(id, {.slot = index, .cookie = 100 + index, .address = kAddress}, 100 + index);
  return id;
}

/// Connects worker `index` later, which takes the sockets that it is given.
WorkerId succeed(Rig& rig, uint32_t index) {
  const WorkerId id = rig.connect_worker(index);
  rig.tell(id, ipc::ListenersWanted{.address = kAddress});
  return id;
}

/// The cookies of the sockets that a worker was given and not told to close.
std::vector<uint64_t> given(const Rig& rig, WorkerId id) {
  std::vector<uint64_t> cookies;
  std::map<uint64_t, uint64_t> numbers;
  for (const auto& message : rig.workers.at(id).inbox) {
    if (const auto* one = std::get_if<ipc::ListenerGiven>(&message)) {
      cookies.push_back(one->cookie);
      numbers[one->listener_id] = one->cookie;
    } else if (const auto* end = std::get_if<ipc::ListenerRelease>(&message)) {
      std::erase(cookies, numbers.at(end->listener_id));
    }
  }
  return cookies;
}

size_t lines_with(const Rig& rig, std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      rig.log, [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

}  // namespace

TEST_CASE("a worker learns that its listening socket is kept, and a stranger's is not",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId id = serve(rig, 0);
  CHECK(rig.inbox<ipc::ListenersGiven>(id).size() == 1);
  const auto kept = rig.inbox<ipc::ListenerKept>(id);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].cookie == 100);
  CHECK(rig.kept_listeners.size() == 1);
  SECTION("the same again is kept once") {
    rig.offer_listener(id, {.slot = 0, .cookie = 100, .address = kAddress}, 100);
    CHECK(rig.inbox<ipc::ListenerKept>(id).size() == 2);
    CHECK(rig.kept_listeners.size() == 1);
  }
  SECTION("a socket that is not the announced one") {
    rig.offer_listener(id, {.slot = 0, .cookie = 101, .address = kAddress}, 999);
    CHECK(rig.kept_listeners.size() == 1);
  }
  SECTION("a message whose socket was lost on its way") {
    rig.tell(id, ipc::Listening{.slot = 0, .cookie = 101, .address = kAddress});
    CHECK(rig.inbox<ipc::ListenerKept>(id).size() == 1);
    CHECK_FALSE(rig.workers[id].is_closed);
  }
  SECTION("more than one worker has") {
    for (uint64_t cookie = 200; cookie < 200 + limits::kListenersPerSlotMax; ++cookie) {
      rig.offer_listener(id, {.slot = 0, .cookie = cookie, .address = kAddress}, cookie);
    }
    CHECK(rig.kept_listeners.size() == limits::kListenersPerSlotMax);
    CHECK(rig.broker.workers().listeners().size() == limits::kListenersPerSlotMax);
  }
  SECTION("one that came with a message that carries none") {
    rig.kept_listeners.emplace(ListenerId{77}, 5);
    rig.broker.on_worker_listener(id, ipc::Pong{1}, {.id = ListenerId{77}, .cookie = 5},
                                  rig.now_ms);
    rig.carry_out();
    CHECK(rig.kept_listeners.size() == 1);
  }
}

TEST_CASE("a successor is given its predecessor's socket before it is told that that is all",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId old = serve(rig, 0);
  const WorkerId other = serve(rig, 1);
  SECTION("that still serves") {}
  SECTION("that was killed") {
    rig.kill_worker(old);
  }
  const WorkerId fresh = succeed(rig, 0);
  const auto& inbox = rig.workers[fresh].inbox;
  REQUIRE(inbox.size() == 3);
  CHECK(std::holds_alternative<ipc::Welcome>(inbox[0]));
  CHECK(std::get<ipc::ListenerGiven>(inbox[1]).cookie == 100);
  CHECK(std::holds_alternative<ipc::ListenersGiven>(inbox[2]));
  CHECK(given(rig, other).empty());
  CHECK(rig.broker.workers().listeners().held_by(fresh) == 1);
}

TEST_CASE("a worker of another address binds its own", "[broker][listeners]") {
  Rig rig;
  serve(rig, 0);
  const WorkerId fresh = rig.connect_worker(0);
  rig.tell(fresh, ipc::ListenersWanted{.address = "192.0.2.1:81"});
  CHECK(given(rig, fresh).empty());
  CHECK(rig.inbox<ipc::ListenersGiven>(fresh).size() == 1);
}

TEST_CASE("a worker's successor gets its sockets of each address that it asks for",
          "[broker][listeners]") {
  const std::string tls = "tls:192.0.2.1:443";
  Rig rig;
  const WorkerId old = serve(rig, 0);
  rig.tell(old, ipc::ListenersWanted{.address = tls});
  for (uint64_t cookie = 200; cookie < 200 + limits::kListenersPerSlotMax; ++cookie) {
    rig.offer_listener(old, {.slot = 0, .cookie = cookie, .address = tls}, cookie);
  }
  const WorkerId fresh = succeed(rig, 0);
  CHECK(given(rig, fresh) == std::vector<uint64_t>{100});
  rig.tell(fresh, ipc::ListenersWanted{.address = tls});
  CHECK(given(rig, fresh).size() == 1 + limits::kListenersPerSlotMax);
  CHECK(rig.inbox<ipc::ListenerGiven>(fresh).back().address == tls);
  CHECK(rig.inbox<ipc::ListenersGiven>(fresh).size() == 2);
}

TEST_CASE("another worker stands in for one that is silent, until it is heard",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId stopped = serve(rig, 0);
  const WorkerId other = serve(rig, 1);
  rig.advance(5'000);
  CHECK(given(rig, other).empty());
  rig.mute_workers = {stopped};
  rig.advance(kSilentMs);
  CHECK(given(rig, other) == std::vector<uint64_t>{100});
  CHECK(lines_with(rig, "event=worker_silent worker=0") == 1);
  CHECK(rig.broker.counters().workers_silent == 1);
  rig.advance(5'000);
  CHECK(rig.broker.counters().workers_silent == 1);
  rig.tell(stopped, ipc::Pong{});
  CHECK(given(rig, other).empty());
  CHECK(lines_with(rig, "event=worker_answers worker=0") == 1);
  CHECK(rig.kept_listeners.size() == 2);
}

TEST_CASE("another worker stands in at once for one that died, until its successor comes",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId dead = serve(rig, 0);
  const WorkerId other = serve(rig, 1);
  rig.kill_worker(dead);
  CHECK(given(rig, other) == std::vector<uint64_t>{100});
  const WorkerId fresh = succeed(rig, 0);
  CHECK(given(rig, fresh) == std::vector<uint64_t>{100});
  CHECK(given(rig, other).empty());
}

TEST_CASE("a stand-in that stops in its turn is replaced, and so are both", "[broker][listeners]") {
  Rig rig;
  const WorkerId first = serve(rig, 0);
  const WorkerId second = serve(rig, 1);
  const WorkerId third = serve(rig, 2);
  rig.kill_worker(first);
  CHECK(given(rig, second) == std::vector<uint64_t>{100});
  rig.mute_workers = {second};
  rig.advance(kSilentMs);
  CHECK(given(rig, third) == std::vector<uint64_t>{100, 101});
  rig.tell(second, ipc::Pong{});
  CHECK(given(rig, second) == std::vector<uint64_t>{100});
  CHECK(given(rig, third).empty());
  succeed(rig, 0);
  CHECK(given(rig, second).empty());
}

TEST_CASE("those who have least to serve stand in first", "[broker][listeners]") {
  Rig rig;
  std::vector<WorkerId> dying;
  for (uint32_t index = 0; index < 3; ++index) dying.push_back(serve(rig, index));
  const WorkerId a = serve(rig, 3);
  const WorkerId b = serve(rig, 4);
  for (const WorkerId id : dying) rig.kill_worker(id);
  CHECK(given(rig, a).size() + given(rig, b).size() == 3);
  CHECK(given(rig, a).size() >= 1);
  CHECK(given(rig, b).size() >= 1);
}

TEST_CASE("a worker that leaves is no loss, and its socket goes to who stays",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId old = serve(rig, 0);
  const WorkerId other = serve(rig, 1);
  rig.tell(old, ipc::Leaving{});
  CHECK(given(rig, other) == std::vector<uint64_t>{100});
  // The worker still finishes its requests.
  rig.fetch(old, 1, cid_number(1));
  CHECK_FALSE(rig.workers[old].is_closed);
  rig.kill_worker(old);
  CHECK(rig.broker.counters().workers_lost == 0);
  CHECK(rig.broker.counters().workers_left == 1);
  CHECK(lines_with(rig, "worker_lost") == 0);
  CHECK(lines_with(rig, "event=worker_left worker=0") == 1);
}

TEST_CASE("a socket that nobody serves is closed after a while", "[broker][listeners]") {
  Rig rig;
  const WorkerId only = serve(rig, 0);
  const auto pass = [&](uint64_t ms) {
    rig.advance(ms);
    rig.broker.on_second(1, rig.now_ms);
    rig.carry_out();
  };
  SECTION("whose worker died") {
    rig.kill_worker(only);
  }
  SECTION("whose worker leaves") {
    rig.tell(only, ipc::Leaving{});
  }
  pass(limits::kListenerUnservedMs - 1);
  CHECK(rig.kept_listeners.size() == 1);
  SECTION("but not where its successor has come") {
    const WorkerId fresh = succeed(rig, 0);
    pass(limits::kListenerUnservedMs);
    CHECK(given(rig, fresh) == std::vector<uint64_t>{100});
    CHECK(rig.kept_listeners.size() == 1);
    return;
  }
  pass(1);
  CHECK(rig.kept_listeners.empty());
  CHECK(rig.broker.workers().listeners().size() == 0);
}

TEST_CASE("a socket waits for the only worker as long as that is silent", "[broker][listeners]") {
  Rig rig;
  const WorkerId only = serve(rig, 0);
  rig.mute_workers = {only};
  rig.advance(30'000);
  rig.broker.on_second(1, rig.now_ms);
  rig.carry_out();
  CHECK(rig.broker.counters().workers_silent == 1);
  CHECK(rig.kept_listeners.size() == 1);
}

TEST_CASE("a worker that could not take a socket is passed over and tried again later",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId dead = serve(rig, 0);
  const WorkerId full = serve(rig, 1);
  const WorkerId fit = serve(rig, 2);
  rig.kill_worker(dead);
  REQUIRE(given(rig, full).size() == 1);
  const uint64_t number = rig.inbox<ipc::ListenerGiven>(full)[0].listener_id;
  rig.tell(full, ipc::ListenerTaken{.listener_id = number, .is_taken = false});
  CHECK(given(rig, fit) == std::vector<uint64_t>{100});
  rig.kill_worker(fit);
  CHECK(given(rig, full).size() == 2);  // It has the other's socket, and not yet this one again.
  rig.broker.on_second(1, rig.now_ms);
  rig.carry_out();
  CHECK(given(rig, full).size() == 3);
}

TEST_CASE("a broker that stood still itself thinks no worse of its workers",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId a = serve(rig, 0);
  serve(rig, 1);
  rig.mute_workers = {a};
  rig.advance(limits::kWorkerPingEveryMs * 2);  // A ping awaits its pong.
  rig.now_ms += 20'000;
  rig.broker.on_timer(rig.now_ms);
  rig.carry_out();
  CHECK(rig.broker.counters().workers_silent == 0);
}

TEST_CASE("the next broker is offered what workers hold and asks each slot's own to serve it",
          "[broker][listeners]") {
  Rig rig;
  // A stand-in comes first and brings the socket of a worker that this broker does not know yet.
  const WorkerId stand_in = serve(rig, 1);
  rig.offer_listener(stand_in, {.slot = 0, .cookie = 100, .address = kAddress}, 100);
  CHECK(rig.broker.workers().listeners().held_by(stand_in) == 2);
  const WorkerId own = succeed(rig, 0);
  CHECK(given(rig, own) == std::vector<uint64_t>{100});
  CHECK(rig.inbox<ipc::ListenerRelease>(stand_in).size() == 1);
  CHECK(rig.broker.workers().listeners().held_by(stand_in) == 1);
}

TEST_CASE("nobody stands in for a worker that brings its socket to the next broker",
          "[broker][listeners]") {
  Rig rig;
  const WorkerId other = serve(rig, 0);
  // Workers offer what they hold before they ask what else is kept for them.
  const WorkerId id = rig.connect_worker(1);
  rig.offer_listener(id, {.slot = 1, .cookie = 101, .address = kAddress}, 101);
  rig.tell(id, ipc::ListenersWanted{.address = kAddress});
  CHECK(given(rig, other).empty());
  CHECK(rig.inbox<ipc::ListenerGiven>(other).empty());
  CHECK(rig.broker.counters().listener_stand_ins == 0);
}

}  // namespace daphnis::broker
