#include "tests/unit/broker/rig.h"

namespace daphnis::broker {
namespace {

const Cid kRoot = cid_number(42);

WorkerId greet(Rig& rig, const ipc::Hello& hello) {
  const WorkerId id{900};
  rig.workers[id];
  rig.broker.on_worker_connected(id, rig.now_ms);
  rig.tell(id, hello);
  return id;
}

}  // namespace

TEST_CASE("a worker is welcomed in the highest version both speak", "[broker][workers]") {
  Rig rig({.node_id = "node-7"});
  SECTION("the same release") {
    const auto welcome = rig.inbox<ipc::Welcome>(greet(rig, {}));
    REQUIRE(welcome.size() == 1);
    CHECK(welcome[0].version == ipc::kVersion);
    CHECK(welcome[0].node_id == "node-7");
  }
  SECTION("one release ahead that still speaks ours") {
    const auto welcome = rig.inbox<ipc::Welcome>(
        greet(rig, {.version_min = ipc::kVersion, .version_max = ipc::kVersion + 1}));
    REQUIRE(welcome.size() == 1);
    CHECK(welcome[0].version == ipc::kVersion);
  }
  SECTION("one release behind") {
    const WorkerId id =
        greet(rig, {.version_min = ipc::kVersionMin - 1, .version_max = ipc::kVersionMin});
    const auto welcome = rig.inbox<ipc::Welcome>(id);
    REQUIRE(welcome.size() == 1);
    CHECK(welcome[0].version == ipc::kVersionMin);
    CHECK_FALSE(rig.workers[id].is_closed);
  }
  SECTION("too far behind") {
    const WorkerId id = greet(rig, {.version_min = 1, .version_max = ipc::kVersionMin - 1});
    CHECK(rig.inbox<ipc::Refused>(id).size() == 1);
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("too far ahead") {
    const WorkerId id =
        greet(rig, {.version_min = ipc::kVersion + 1, .version_max = ipc::kVersion + 2});
    CHECK(rig.inbox<ipc::Refused>(id).size() == 1);
    CHECK(rig.workers[id].is_closed);
  }
}

TEST_CASE("a worker that makes no sense is disconnected", "[broker][workers]") {
  Rig rig;
  rig.register_l2("home");
  SECTION("a message before Hello") {
    const WorkerId id{900};
    rig.broker.on_worker_connected(id, rig.now_ms);
    rig.tell(id, ipc::Ping{1});
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("no Hello in time") {
    const WorkerId id{900};
    rig.broker.on_worker_connected(id, rig.now_ms);
    rig.advance(5'000);
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("bytes that are no message") {
    const WorkerId id = rig.connect_worker();
    rig.tell_nonsense(id);
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("a second Hello") {
    const WorkerId id = rig.connect_worker();
    rig.tell(id, ipc::Hello{});
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("two fetches of one id") {
    const WorkerId id = rig.connect_worker();
    rig.fetch(id, 1, kRoot);
    rig.fetch(id, 1, kRoot);
    CHECK(rig.workers[id].is_closed);
  }
  SECTION("a trace id that could break a line") {
    const WorkerId id = rig.connect_worker();
    rig.tell(
        id,
        ipc::Fetch{
            .fetch_id = 1, .request = {.root = kRoot}, .trace_id = "a\"b", .deadline_ms = 1'000});
    CHECK(rig.workers[id].is_closed);
  }
  CHECK(rig.broker.is_quiet());
}

TEST_CASE("pings go both ways and silence ends the connection", "[broker][workers]") {
  Rig rig({.ping_every_ms = 5'000});
  rig.workers_pong = false;
  const WorkerId id = rig.connect_worker();
  rig.tell(id, ipc::Ping{5});
  REQUIRE(rig.inbox<ipc::Pong>(id).size() == 1);
  CHECK(rig.inbox<ipc::Pong>(id)[0].sequence == 5);
  rig.advance(15'000);
  CHECK(rig.inbox<ipc::Ping>(id).size() == 3);
  rig.tell(id, ipc::Pong{3});
  rig.advance(59'999);
  CHECK_FALSE(rig.workers[id].is_closed);
  rig.advance(5'001);
  CHECK(rig.workers[id].is_closed);
}

TEST_CASE("the fetches of a worker that dies end and those of others go on", "[broker][workers]") {
  Rig rig;
  const ConnId home = rig.register_l2("home", "?v=2&capacity=3");
  const WorkerId dying = rig.connect_worker();
  const WorkerId other = rig.connect_worker();
  rig.fetch(dying, 1, cid_number(1));
  rig.post(home, cid_number(1));
  rig.fetch(dying, 2, cid_number(2));
  rig.fetch(other, 1, cid_number(3));
  rig.post(home, cid_number(3));
  rig.fetch(dying, 3, cid_number(4));
  rig.fetch(other, 2, cid_number(5));
  CHECK(rig.orders(home).size() == 3);
  rig.kill_worker(dying);
  CHECK(rig.orders(home).size() == 4);
  CHECK(Rig::field(rig.orders(home)[3], "root") == cid_number(5).text());
  rig.post_not_found(home, cid_number(5));
  rig.end_attempt(other, rig.inbox<ipc::Handoff>(other)[0], Outcome::kComplete);
  CHECK(rig.broker.is_quiet());
  CHECK(rig.broker.dispatcher().waiting() == 0);
}

TEST_CASE("counters of workers outlive them and gauges do not", "[broker][workers]") {
  Rig rig;
  const WorkerId a = rig.connect_worker();
  const WorkerId b = rig.connect_worker();
  rig.tell(a, ipc::WorkerStats{.requests = 10, .clients = 4});
  rig.tell(a, ipc::WorkerStats{
                  .requests = 11, .clients = 5, .log_lines_dropped = 3, .loners = 2, .yields = 4});
  rig.tell(b, ipc::WorkerStats{.requests = 100, .clients = 1});
  CHECK(rig.broker.workers().totals().sum.requests == 111);
  CHECK(rig.broker.workers().totals().sum.clients == 6);
  CHECK(rig.broker.workers().totals().sum.loners == 2);
  rig.kill_worker(a);
  CHECK(rig.broker.workers().totals().sum.requests == 111);
  CHECK(rig.broker.workers().totals().sum.log_lines_dropped == 3);
  CHECK(rig.broker.workers().totals().sum.clients == 1);
  CHECK(rig.broker.workers().totals().sum.loners == 0);
  CHECK(rig.broker.workers().totals().sum.yields == 4);
}

TEST_CASE("a broadcast reaches all workers and its acknowledgements are kept",
          "[broker][workers]") {
  Rig rig;
  const WorkerId a = rig.connect_worker();
  const WorkerId b = rig.connect_worker();
  rig.broker.broadcast_log_level(LogLevel::kDebug);
  rig.carry_out();
  REQUIRE(rig.inbox<ipc::Broadcast>(a).size() == 1);
  CHECK(rig.inbox<ipc::Broadcast>(b)[0].argument == "debug");
  rig.tell(a, ipc::BroadcastDone{1});
  CHECK(rig.broker.workers().all().at(a).broadcast_done == 1);
  CHECK(rig.broker.workers().all().at(b).broadcast_done == 0);
}

}  // namespace daphnis::broker
