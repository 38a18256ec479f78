// Tests of an absent broker, overload, draining and deadlines.

#include "tests/unit/worker/rig.h"

namespace daphnis::worker::test {
namespace {

using Catch::Matchers::Contains;

std::string post_of(const SampleCar& car) {
  return post_with_length(car.bytes);
}

}  // namespace

TEST_CASE("a request waits a little for a broker that is away", "[worker]") {
  Rig rig;
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  rig.pass_time(1'999);
  CHECK(client.received.empty());
  SECTION("and is asked for when it comes") {
    rig.start_broker();
    rig.hand_off(rig.only<ipc::Fetch>(), post_of(car));
    CHECK(dechunked(client.received) == text(car.bytes));
  }
  SECTION("and then told to come again") {
    rig.pass_time(1);
    CHECK(status_line(client.received) == "HTTP/1.1 503 Service Unavailable");
    CHECK_THAT(client.received, Contains("Retry-After: ") && Contains("broker_away"));
    CHECK(client.connection);
  }
}

TEST_CASE("a lost broker's unanswered questions go to the next one", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  const auto first = rig.only<ipc::Fetch>();
  rig.stop_broker();
  rig.pass_time(500);
  rig.start_broker();
  const auto second = rig.only<ipc::Fetch>();
  CHECK(second.fetch_id == first.fetch_id);
  CHECK(second.deadline_ms == first.deadline_ms - 500);
  rig.hand_off(second, post_of(car));
  CHECK(dechunked(client.received) == text(car.bytes));
}

TEST_CASE("a handed-off stream finishes without its broker and closes", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 =
      rig.hand_off(rig.only<ipc::Fetch>(),
                   post_head("Content-Length: " + std::to_string(car.bytes.size()) + "\r\n"));
  rig.sent<ipc::HandoffTaken>();
  rig.stop_broker();
  SECTION("while there is none") {}
  SECTION("while there is another") {
    rig.start_broker();
  }
  rig.send(l2, car.bytes);
  CHECK(dechunked(client.received) == text(car.bytes));
  CHECK_THAT(l2.received, Contains("200 OK") && Contains("Connection: close"));
  CHECK(l2.is_half_closed);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
}

TEST_CASE("a stream of a lost broker that fails is asked for anew from the next", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  Peer& l2 = rig.hand_off(rig.only<ipc::Fetch>(), post_head("Content-Length: 5000\r\n"));
  rig.stop_broker();
  rig.start_broker();
  CHECK(rig.sent<ipc::Fetch>().empty());
  rig.end(l2);
  CHECK(rig.sent<ipc::AttemptEnded>().empty());
  rig.hand_off(rig.only<ipc::Fetch>(), post_of(car));
  CHECK(dechunked(client.received) == text(car.bytes));
}

TEST_CASE("beyond the bound on requests in flight the answer is 503 at once", "[worker]") {
  Settings settings;
  settings.requests_max = 2;
  Rig rig(settings);
  rig.start_broker();
  const SampleCar car;
  const SampleCar other(2'000);
  Peer& one = rig.connect();
  Peer& two = rig.connect();
  Peer& three = rig.connect();
  rig.send(one, get(car));
  rig.send(two, get(other));
  rig.send(three, get(car));
  CHECK(rig.sent<ipc::Fetch>().size() == 2);
  CHECK(status_line(three.received) == "HTTP/1.1 503 Service Unavailable");
  CHECK_THAT(three.received, Contains("Retry-After: ") && Contains("overloaded"));
  CHECK(rig.worker.stats().shed == 1);
  rig.lose(one);
  rig.send(three, get(car));
  CHECK(rig.sent<ipc::Fetch>().size() == 1);
}

TEST_CASE("a worker that is busy all the time lets fewer fetches be under way", "[worker]") {
  const RuleMode mode = GENERATE(RuleMode::kOn, RuleMode::kObserve, RuleMode::kOff);
  Settings settings;
  settings.sheds_busy = mode;
  settings.fetches_busy = 2;
  settings.requests_max = 4;
  Rig rig(settings);
  rig.worker.set_busy_time([&rig] { return rig.now_ms * 1'000; });
  rig.start_broker();
  const std::vector<SampleCar> cars = {SampleCar(), SampleCar(2'000), SampleCar(3'000)};
  for (size_t n = 0; n < 2; ++n) rig.send(rig.connect(), get(cars[n]));
  Peer& third = rig.connect();
  for (int n = 0; n < 40; ++n) {  // Requests that end at once, over four seconds.
    rig.now_ms += BusyLimit::kSampleMs;
    Peer& other = rig.connect();
    rig.send(other, get(cars[2]));
    rig.lose(other);
  }
  rig.sent<ipc::Fetch>();
  rig.send(third, get(cars[2]));
  const bool is_on = mode == RuleMode::kOn;
  CHECK(rig.sent<ipc::Fetch>().size() == (is_on ? 0 : 1));
  CHECK(status_line(third.received) == (is_on ? "HTTP/1.1 503 Service Unavailable" : ""));
  CHECK((rig.worker.stats().shed_busy > 0) == (mode != RuleMode::kOff));
  CHECK((rig.worker.stats().shed > 0) == is_on);
  rig.send(rig.connect(), get(cars[0]));
  CHECK(rig.worker.stats().joins == 1);
}

TEST_CASE("beyond the bound on connections a client is turned away", "[worker]") {
  Settings settings;
  settings.clients_max = 1;
  Rig rig(settings);
  const SampleCar car;
  Peer& first = rig.connect();
  rig.send(first, get(car));
  CHECK(rig.worker.on_client("192.0.2.8", rig.now_ms) == nullptr);
  rig.lose(first);
  CHECK(rig.worker.on_client("192.0.2.8", rig.now_ms) != nullptr);
}

TEST_CASE("at the bound on connections an idle one gives its place", "[worker]") {
  Settings settings;
  settings.clients_max = 2;
  Rig rig(settings);
  const SampleCar car;
  Peer& busy = rig.connect();
  rig.send(busy, get(car));
  Peer& idle = rig.connect();
  Peer& third = rig.connect();
  CHECK(idle.ending == Ending::kClose);
  CHECK(busy.connection);
  CHECK(third.connection);
}

TEST_CASE("the client that has been idle longest gives its place first", "[worker]") {
  Settings settings;
  settings.clients_max = 3;
  Rig rig(settings);
  Peer& first = rig.connect();
  Peer& second = rig.connect();
  Peer& slow = rig.connect();
  rig.send(first, "GET /ipfs/bafkqaaa?format=raw HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(status_line(first.received) == "HTTP/1.1 200 OK");
  rig.send(slow, "GET");
  rig.connect();
  CHECK_FALSE(second.connection);
  CHECK(first.connection);
  rig.connect();
  CHECK_FALSE(first.connection);
  CHECK(slow.connection);
}

TEST_CASE("a request that nobody answers ends at its deadline", "[worker]") {
  Rig rig;
  rig.start_broker();
  const SampleCar car;
  Peer& client = rig.connect();
  rig.send(client, get(car));
  CHECK(rig.only<ipc::Fetch>().deadline_ms == 30'000);
  rig.pass_time(30'000 + limits::kDeadlineGraceMs);
  CHECK(status_line(client.received) == "HTTP/1.1 504 Gateway Timeout");
  CHECK(rig.sent<ipc::CancelFetch>().size() == 1);
  CHECK(rig.worker.stats().fetches == 0);
}

TEST_CASE("a broker that has fallen silent is dropped", "[worker]") {
  Rig rig;
  rig.start_broker();
  bool is_fine = true;
  uint64_t waited_ms = 0;
  while (is_fine && waited_ms < 60'000) {
    waited_ms = rig.worker.next_call_ms() - 1'000;
    is_fine = rig.worker.on_time(rig.worker.next_call_ms());
  }
  CHECK(waited_ms == limits::kBrokerSilentMs);
  CHECK(rig.worker.broker_problem() == "the broker is silent");
}

TEST_CASE("a worker that stood still itself thinks no worse of its broker", "[worker]") {
  Rig rig;
  SECTION("a broker that is up") {
    rig.start_broker();
  }
  SECTION("a broker whose welcome lies unread") {
    rig.worker.on_broker_connected(rig.now_ms);
  }
  const uint64_t awake_ms = rig.now_ms + limits::kBrokerSilentMs;
  CHECK(rig.worker.on_time(awake_ms));
  // It has the usual time from then on.
  uint64_t at_ms = awake_ms;
  while (at_ms <= awake_ms + limits::kBrokerSilentMs && rig.worker.on_time(at_ms)) {
    at_ms = rig.worker.next_call_ms();
  }
  CHECK(at_ms == awake_ms + limits::kBrokerSilentMs);
}

TEST_CASE("a broker that answers pings stays", "[worker]") {
  Rig rig;
  rig.start_broker();
  rig.pass_time(10 * limits::kBrokerSilentMs);
  CHECK(rig.worker.has_broker());
}

TEST_CASE("a log level that is broadcast is passed on to the shell", "[worker]") {
  Rig rig;
  rig.start_broker();
  rig.tell(ipc::Broadcast{
      .broadcast_id = 1, .verb = ipc::BroadcastVerb::kLogLevel, .argument = "debug"});
  CHECK(rig.log_level == LogLevel::kDebug);
}

TEST_CASE("a broker one release behind is good enough", "[worker]") {
  Rig rig;
  Connection* stream = nullptr;
  rig.worker.on_broker_connected(rig.now_ms);
  rig.after_input();
  CHECK(rig.only<ipc::Hello>().version_min == ipc::kVersionMin);
  const ipc::Welcome welcome{.version = ipc::kVersionMin, .node_id = "old"};
  REQUIRE(rig.worker.on_broker_message(welcome, false, rig.now_ms, &stream));
  CHECK(rig.worker.has_broker());
}

TEST_CASE("a broker that makes no sense is dropped", "[worker]") {
  Rig rig;
  Connection* stream = nullptr;
  rig.worker.on_broker_connected(rig.now_ms);
  SECTION("speaking before its welcome") {
    CHECK(!rig.worker.on_broker_message(ipc::FetchFailed{}, false, rig.now_ms, &stream));
  }
  SECTION("speaking a version that is not ours") {
    const auto version = static_cast<uint16_t>(GENERATE(ipc::kVersion + 1, ipc::kVersionMin - 1));
    const ipc::Welcome welcome{.version = version, .node_id = ""};
    CHECK(!rig.worker.on_broker_message(welcome, false, rig.now_ms, &stream));
  }
  SECTION("refusing us") {
    CHECK(!rig.worker.on_broker_message(ipc::Refused{"too old"}, false, rig.now_ms, &stream));
    CHECK(rig.worker.broker_problem() == "refused: too old");
  }
  SECTION("welcoming twice") {
    REQUIRE(rig.worker.on_broker_message(ipc::Welcome{}, false, rig.now_ms, &stream));
    CHECK(!rig.worker.on_broker_message(ipc::Welcome{}, false, rig.now_ms, &stream));
  }
}

}  // namespace daphnis::worker::test
